"""Buffers that follow what they measure: every call of a shared normalisation has to agree on them."""

import pytest
import torch
from torch import Tensor, nn

from lightning_symmetry import find_symmetries

from .claims import Case, assert_found, gaussian


class SharedNorm(nn.Module):
    """One batch normalisation behind two linear layers."""

    def __init__(self, look: bool = False) -> None:
        super().__init__()
        self.one, self.two, self.norm = nn.Linear(4, 3), nn.Linear(4, 3), nn.BatchNorm1d(3)
        self.head, self.look = nn.Linear(3, 2), look

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.one(x)).relu() + self.norm(self.two(x)).relu()
        return self.head(h + self.norm.running_mean.sin() if self.look else h)


EXPECTED = """
        permutation 2: one.weight#0 two.weight#1 one.bias#0 two.bias#1
        permutation 3: one.weight one.bias norm.weight norm.bias two.weight two.bias head.weight \
            norm.running_mean norm.running_var
        positive_scaling 3: one.weight one.bias two.weight two.bias norm.running_mean norm.running_var^2
        sign 3: one.weight one.bias norm.weight two.weight two.bias norm.running_mean
        translation 3: one.bias two.bias norm.running_mean
        positive_scaling 3: norm.weight norm.bias head.weight^-1
        """


@pytest.mark.parametrize("training", [True, False])
def test_a_normalisation_called_twice_shifts_both_inputs_and_its_mean_once(training):
    assert_found(Case(lambda: SharedNorm().train(training), gaussian(4), EXPECTED))


def test_a_mean_that_is_read_by_others_does_not_follow():
    expected = """
        permutation 2: one.weight#0 two.weight#1 one.bias#0 two.bias#1
        permutation 3: one.weight one.bias norm.weight norm.bias two.weight two.bias head.weight \
            norm.running_mean norm.running_var
        """
    assert_found(Case(lambda: SharedNorm(look=True).eval(), gaussian(4), expected))


def test_a_table_shared_by_all_examples_is_shifted_behind_the_mean_where_it_is_constant():
    class Table(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.norm = nn.Parameter(torch.randn(4, 2)), nn.BatchNorm1d(4)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(x + self.table)

    for training in (True, False):
        expected = "translation 4: table norm.running_mean"
        assert_found(Case(lambda mode=training: Table().train(mode), gaussian(4, 2), expected))


@pytest.mark.parametrize(("training", "look"), [(True, False), (True, True), (False, False)])
def test_statistics_may_stay_out_only_where_they_are_not_read(training, look):
    model = SharedNorm(look).train(training)
    symmetries = find_symmetries(model, torch.zeros(5, 4))
    (permutation,) = [s for s in symmetries if (s.group, s.size) == ("permutation", 3)]
    needed = look or not training
    buffers = [leg for leg in permutation.legs if leg.kind != "parameter"]
    assert {leg.kind for leg in buffers if "mean" in leg.parameter} == {"buffer" if needed else "statistic"}
    params = dict(model.named_parameters())
    if needed:
        with pytest.raises(ValueError, match=r"params must hold 'norm\.running_mean'"):
            permutation.act(params, permutation.sample())
    else:
        assert permutation.act(params, permutation.sample()).keys() == params.keys()
    assert permutation.act(model.state_dict(), permutation.sample()).keys() == model.state_dict().keys()
