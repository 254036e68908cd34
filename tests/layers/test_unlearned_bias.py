import copy

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from lightning_symmetry import AttentionBias, remove_symmetry, undo


def attention(config: AttentionBias) -> nn.MultiheadAttention:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.MultiheadAttention(4, 2, batch_first=True)
        nn.init.normal_(module.in_proj_bias)
    return remove_symmetry(module, config)


def ones() -> torch.Tensor:
    return torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))


def unlearned(module: nn.MultiheadAttention) -> torch.Tensor:
    return module.in_proj_bias.detach()[[0, 1, 2, 3, 8, 9, 10, 11]]


def test_evaluation_uses_the_means_and_leaves_the_key_bias():
    module = attention(AttentionBias(query_mean=0.25, value_mean=-1.0)).eval()
    learned = dict(module.named_parameters())["in_proj_bias"]
    expected = torch.cat([torch.full((4,), 0.25), learned[4:8], torch.full((4,), -1.0)])
    assert torch.equal(module.in_proj_bias, expected)
    module(ones(), ones(), ones())
    assert module.in_proj_bias_asymmetry.removals[0].step == 0


def test_training_draws_once_a_pass_and_never_from_the_global_state():
    module = attention(AttentionBias(std=0.1))
    x, seen = ones(), []
    state = torch.random.get_rng_state()
    for _ in range(400):
        module(x, x, x)
        seen.append(unlearned(module))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert module.in_proj_bias_asymmetry.removals[0].step == 400
    noise = torch.stack(seen)
    assert len(noise[:, 0].unique()) == 400
    # 3,200 draws: five standard errors.
    assert abs(float(noise.mean()) - 0.5) < 5 * 0.1 / 3200**0.5
    assert abs(float(noise.std()) / 0.1 - 1) < 5 / (2 * 3200) ** 0.5


def test_without_redraw_there_is_one_draw_in_training_and_evaluation():
    module = attention(AttentionBias(redraw=False))
    x = ones()
    first = unlearned(module)
    module(x, x, x)
    assert torch.equal(unlearned(module), first)
    assert torch.equal(unlearned(module.eval()), first)
    assert first.std() > 0


def test_only_the_key_bias_is_learned():
    module = attention(AttentionBias())
    x = ones()
    (module(x, x, x)[0] ** 2).sum().backward()
    gradient = dict(module.named_parameters())["in_proj_bias"].grad
    assert torch.equal(gradient[:4], torch.zeros(4)) and torch.equal(gradient[8:], torch.zeros(4))


def test_a_resumed_run_goes_on_with_the_same_draws():
    module, x = attention(AttentionBias()), ones()
    for _ in range(3):
        module(x, x, x)
    resumed = attention(AttentionBias())
    resumed.load_state_dict(module.state_dict())
    copied = copy.deepcopy(module)
    expected = module(x, x, x)[0]
    assert torch.equal(resumed(x, x, x)[0], expected)
    assert torch.equal(copied(x, x, x)[0], expected)


def test_gradient_checkpointing_repeats_the_draw():
    gradients = []
    for repeated in (False, True):
        module, x = attention(AttentionBias()), ones().requires_grad_()

        def forward(x, module=module):
            return module(x, x, x)[0]

        output = checkpoint(forward, x, use_reentrant=False) if repeated else forward(x)
        output.square().sum().backward()
        assert module.in_proj_bias_asymmetry.removals[0].step == 1
        gradients.append(x.grad)
    assert torch.equal(*gradients)


def test_one_graph_under_compile_draws_the_same():
    plain, x = attention(AttentionBias()), ones()
    # What other tests compiled counts towards the same limits.
    torch.compiler.reset()
    compiled = torch.compile(copy.deepcopy(plain), backend="aot_eager", fullgraph=True)
    for _ in range(3):
        torch.testing.assert_close(compiled(x, x, x)[0], plain(x, x, x)[0], rtol=1e-5, atol=1e-6)
    assert compiled._orig_mod.in_proj_bias_asymmetry.removals[0].step == 3


@pytest.mark.parametrize(("part", "mean"), [("query", 0.5), ("value", 0.25)])
def test_separate_projections_are_named(part, mean):
    model = nn.ModuleDict({"q_proj": nn.Linear(4, 4), "k_proj": nn.Linear(4, 4)})
    remove_symmetry(model, {"q_proj": AttentionBias(value_mean=0.25, part=part)}).eval()
    assert torch.equal(model["q_proj"].bias, torch.full((4,), mean))
    assert type(model["k_proj"]) is nn.Linear


def test_packed_linear_layers_are_named():
    model = nn.ModuleDict({"qkv": nn.Linear(4, 12), "out": nn.Linear(4, 4)})
    remove_symmetry(model, AttentionBias(), filter=lambda name, module: name == "qkv").eval()
    assert torch.equal(model["qkv"].bias[:4], torch.full((4,), 0.5))


def test_nothing_is_left_behind():
    module = undo(attention(AttentionBias()))
    assert type(module) is nn.MultiheadAttention
    assert not module._forward_pre_hooks and not module._load_state_dict_pre_hooks


@pytest.mark.parametrize(
    ("model", "config", "message"),
    [
        (nn.MultiheadAttention(4, 2, bias=False), AttentionBias(), "must have a bias"),
        (nn.MultiheadAttention(4, 2), AttentionBias(part="query"), "`part` must say what the bias"),
        (nn.Linear(4, 4), AttentionBias(part="query"), "must choose at least one part of `model`"),
    ],
)
def test_what_it_cannot_act_on_is_refused(model, config, message):
    with pytest.raises(ValueError, match=message):
        remove_symmetry(model, config)
