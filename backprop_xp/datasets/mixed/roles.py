"""What each column of a table is for: the target, a feature, an id, or nothing."""

from backprop_xp.datasets.mixed.options import FROM_HERE, Options, option, position_of
from backprop_xp.datasets.mixed.source import Source
from backprop_xp.errors import OptionError

__all__ = ["Roles"]


class Roles:
    """The columns that the options name, by their positions.

    Attributes
    ----------
    target, ids, features : list of int
    read : list of int
        The features and the target, whose cells are looked at.
    categories, numbers : set of int
    ignored : dict of str to str
        The reasons for the columns that the caller leaves out.
    """

    def __init__(self, source: Source, options: Options) -> None:
        names = [column.name for column in source.columns]
        found: dict[str, list[int]] = {}
        taken: dict[int, str] = {}
        for keyword in ("ignore", "ids", "categories", "numbers"):
            found[keyword] = []
            for name in getattr(options, keyword):
                j = position_of(keyword, name, names, source.title)
                self._take(taken, j, names[j], keyword)
                if j not in found[keyword]:
                    found[keyword].append(j)
        self.ids, self.categories = found["ids"], set(found["categories"])
        self.numbers = set(found["numbers"])
        self.ignored = {names[j]: "ignored" for j in found["ignore"]}
        if options.target is None:
            free = [j for j in range(len(names)) if j not in taken]
            self.target = free[-1:]
        else:
            self.target = [
                position_of("target", one, names, source.title) for one in options.target
            ]
        for j in self.target:
            self._take(taken, j, names[j], "target")
        others = {*self.target, *found["ignore"], *self.ids}
        self.features = [j for j in range(len(names)) if j not in others]
        self.read = sorted({*self.features, *self.target})

    @staticmethod
    def _take(taken: dict[int, str], position: int, name: str, keyword: str) -> None:
        before = taken.setdefault(position, keyword)
        if before != keyword:
            came = f"{name!r}, which is in {before} too"
            advice = f"Leave it out of one; {option('task', 'classes')} makes a target classes"
            raise OptionError(f"{FROM_HERE}({keyword})", came, "a column in one option", advice)
