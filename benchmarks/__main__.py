"""The command ``python -m benchmarks``."""

import argparse

from benchmarks.peers import PEERS, Job
from benchmarks.train import known_peers, report, time_epochs


def main() -> None:
    """Run the sub-command that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True)
    train = commands.add_parser("train", help="an epoch of training beside its peers")
    train.add_argument("--sizes", default="784,256,256,10")
    train.add_argument("--batch-size", type=int, default=128)
    train.add_argument("--cases", type=int, default=12_800)
    train.add_argument("--threads", type=int, default=1)
    train.add_argument("--device", default="cpu", help="a device of backprop_xp")
    train.add_argument("--peers", default=known_peers())
    train.add_argument("--repeat", type=int, default=9)
    train.add_argument("--epochs", type=int, default=3, help="epochs timed as one")
    given = parser.parse_args()
    sizes = [int(n) for n in given.sizes.split(",")]
    peers = ["backprop_xp", *(peer for peer in given.peers.split(",") if peer != "backprop_xp")]
    unknown = set(peers) - set(PEERS)
    if unknown:
        parser.error(f"unknown peers: {', '.join(sorted(unknown))}; known: {known_peers()}")
    job = Job(sizes, given.batch_size, given.cases, given.threads, given.device)
    print(report(job, time_epochs(job, peers, given.repeat, given.epochs)))


if __name__ == "__main__":
    main()
