"""Whatever is said of an operation or a module, it is registered, or refused as the docstring says."""

from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lightning_symmetry.discovery import registry as R

from .arguments import arguments
from .documented import check
from .each import each
from .effort import effort
from .hostile import anything

names = st.one_of(st.sampled_from(["aten::relu", "relu", "aten::", "::", "a::b::c", "__class__"]), anything)


@each("function", [R.rule, R.composition])
@effort(25)
@given(given_=st.lists(names, max_size=2))
def test_operations(function, given_):
    with R.temporary():
        check(function, lambda: function(*given_)(lambda *args: None))


@each("function", [R.entrywise])
@effort(25)
@given(name=names, degree=anything, parity=anything)
def test_entrywise_operations(function, name, degree, parity):
    with R.temporary():
        check(function, lambda: function(name, degree=degree, parity=parity))


@each("function", [R.known_symmetries])
@effort(15)
@given(classes=st.lists(st.one_of(st.sampled_from([nn.Linear, nn.Module, int]), anything), max_size=2))
def test_classes(function, classes):
    with R.temporary():
        check(function, lambda: function(*classes)(lambda module: ()))


patterns = st.one_of(
    st.dictionaries(
        st.sampled_from(["weight", "bias", "0", ""]),
        st.sampled_from(["r in", "out r", "(r s) in", "r", "(", ""]),
    ),
    anything,
)
KNOWN = {
    "module": st.one_of(st.just(nn.Linear(4, 2)), anything),
    "name": st.one_of(st.sampled_from(["r.general_linear", "permutation", "r.translation", ""]), anything),
    "unit": st.one_of(st.sampled_from(["r", "in", ""]), anything),
    "writes": patterns,
    "reads": patterns,
    "copies": st.one_of(st.sampled_from(["", "s", "r"]), anything),
    "lengths": st.one_of(st.dictionaries(st.sampled_from(["r", "s", 0]), st.integers(-1, 3)), anything),
}


@each("function", [R.declared])
@effort(80)
@given(data=st.data())
def test_patterns(function, data):
    given_ = data.draw(arguments(function, **KNOWN))
    check(function, lambda: function(**given_))
