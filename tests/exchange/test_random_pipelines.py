"""Random pipelines, saved, predict as scikit-learn's own."""

from hypothesis import given, settings
from hypothesis import strategies as st
from needs import needs
from pipelines import (
    NUMBERS,
    M,
    check_same,
    fitted,
    frame,
    target,
)

from backprop_xp.estimators import (
    DampedOneHotEncoder,
    NoisyQuantileTransformer,
    PiecewiseLinearEncoder,
    RobustClipScaler,
)

pd = needs("pandas")
needs("sklearn")

from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import (  # noqa: E402
    MinMaxScaler,
    OneHotEncoder,
    QuantileTransformer,
    StandardScaler,
)

SCALERS = st.sampled_from(
    [
        StandardScaler(),
        MinMaxScaler(clip=True),
        QuantileTransformer(n_quantiles=15),
        QuantileTransformer(n_quantiles=15, output_distribution="normal"),
        NoisyQuantileTransformer(random_state=0),
        PiecewiseLinearEncoder(5),
        RobustClipScaler(),
        "passthrough",
    ]
)
IMPUTERS = st.builds(
    SimpleImputer,
    strategy=st.sampled_from(["mean", "median", "most_frequent", "constant"]),
    add_indicator=st.booleans(),
)
ENCODERS = st.builds(
    DampedOneHotEncoder,
    st.sampled_from([1, 9]),
    max_categories=st.sampled_from([3, 100]),
) | st.builds(
    OneHotEncoder,
    drop=st.sampled_from([None, "first", "if_binary"]),
    handle_unknown=st.sampled_from(["ignore", "infrequent_if_exist"]),
    min_frequency=st.sampled_from([None, 4, 0.2]),
    sparse_output=st.booleans(),
)


@settings(max_examples=40, deadline=None)
@given(
    scaler=SCALERS,
    imputer=IMPUTERS,
    encoder=ENCODERS,
    last=st.sampled_from([None, StandardScaler(with_mean=False)]),
    remainder=st.sampled_from(["drop", "passthrough"]),
    kind=st.sampled_from(["two", "three", "labels", "number", "numbers"]),
    seed=st.integers(0, 999),
)
def test_random_pipelines(tmp_path_factory, scaler, imputer, encoder, last, remainder, kind, seed):
    table = frame(seed)
    step = ColumnTransformer(
        [("n", make_pipeline(imputer, scaler), NUMBERS[:2]), ("t", encoder, ["city"])],
        remainder=remainder,
    )
    pipeline = fitted(step, *([] if last is None else [last]), X=table, y=target(kind, M, seed))
    new = frame(seed + 1, 30)
    new.loc[0, "city"] = "Paris"
    check_same(tmp_path_factory.mktemp("m") / "model.safetensors", pipeline, table, new)
