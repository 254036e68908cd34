"""State spaces, scanned in a loop and as a convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._architecture import Architecture, gaussian


class SelectiveScan(nn.Module):
    """Mamba's mixer, its scan a loop (arXiv 2312.00752)."""

    def __init__(self, width: int, inner: int, state: int, rank: int) -> None:
        super().__init__()
        self.sizes = [rank, state, state]
        self.enter, self.leave = nn.Linear(width, 2 * inner, bias=False), nn.Linear(inner, width, bias=False)
        self.conv = nn.Conv1d(inner, inner, 3, padding=2, groups=inner)
        self.select, self.step = nn.Linear(inner, rank + 2 * state, bias=False), nn.Linear(rank, inner)
        self.log_decay = nn.Parameter(torch.arange(1.0, state + 1).log().repeat(inner, 1))
        self.skip = nn.Parameter(torch.ones(inner))

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        x, gate = self.enter(x).chunk(2, dim=-1)
        x = functional.silu(self.conv(x.transpose(1, 2))[..., :length].transpose(1, 2))
        step, write, read = self.select(x).split(self.sizes, dim=-1)
        step = functional.softplus(self.step(step))
        decay = torch.exp(step.unsqueeze(-1) * -torch.exp(self.log_decay))
        drive = (step * x).unsqueeze(-1) * write.unsqueeze(-2)
        state, out = torch.zeros_like(drive[:, 0]), []
        for t in range(length):
            state = decay[:, t] * state + drive[:, t]
            out.append((state * read[:, t].unsqueeze(-2)).sum(-1))
        y = torch.stack(out, dim=1) + self.skip * x
        return self.leave(y * functional.silu(gate))


class Mamba(nn.Module):
    """One pre-norm block."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm1, self.mixer = nn.Linear(5, 5), nn.RMSNorm(5), SelectiveScan(5, 6, 3, 2)
        self.norm, self.head = nn.RMSNorm(5), nn.Linear(5, 6, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        return self.head(self.norm(x + self.mixer(self.norm1(x))))


class ScalarDecay(nn.Module):
    """Mamba 2: every entry of a head's state decays alike."""

    def __init__(self) -> None:
        super().__init__()
        self.value, self.write, self.read = nn.Linear(5, 6), nn.Linear(5, 3), nn.Linear(5, 3)
        self.step, self.log_decay = nn.Linear(5, 2), nn.Parameter(torch.zeros(2))
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        step = functional.softplus(self.step(x))
        decay = torch.exp(-step * self.log_decay.exp())
        value = self.value(x).unflatten(-1, (2, 3)) * step.unsqueeze(-1)
        write, read = self.write(x), self.read(x)
        state, out = 0.0, []
        for t in range(x.shape[1]):
            state = decay[:, t, :, None, None] * state + torch.einsum(
                "bhp,bn->bhpn", value[:, t], write[:, t]
            )
            out.append(torch.einsum("bhpn,bn->bhp", state, read[:, t]))
        return self.head(torch.stack(out, dim=1).flatten(2))


class DiagonalStateSpace(nn.Module):
    """S4D: complex decays, a kernel computed at once, a convolution by FFT (arXiv 2206.11893)."""

    def __init__(self, width: int, state: int) -> None:
        super().__init__()
        self.log_step = nn.Parameter(torch.rand(width) - 1)
        self.log_real = nn.Parameter(torch.full((width, state), 0.5).log())
        self.imaginary = nn.Parameter(torch.arange(1.0, state + 1).repeat(width, 1))
        self.read = nn.Parameter(torch.randn(width, state, 2))
        self.skip = nn.Parameter(torch.randn(width))

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[-1]
        pole = -torch.exp(self.log_real) + 1j * self.imaginary
        power = pole * self.log_step.exp().unsqueeze(-1)
        read = torch.view_as_complex(self.read) * (power.exp() - 1) / pole
        times = torch.arange(length, device=x.device)
        kernel = 2 * torch.einsum("hn,hnl->hl", read, torch.exp(power.unsqueeze(-1) * times)).real
        y = torch.fft.irfft(
            torch.fft.rfft(x, n=2 * length) * torch.fft.rfft(kernel, n=2 * length), n=2 * length
        )
        return y[..., :length] + x * self.skip.unsqueeze(-1)


class S4D(nn.Module):
    """A mixer of positions between two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.mixer, self.head = nn.Linear(3, 4), DiagonalStateSpace(4, 2), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mixer(self.enter(x).transpose(1, 2)).transpose(1, 2)
        return self.head(functional.gelu(x))


ARCHITECTURES = {
    "Mamba": Architecture(
        Mamba,
        gaussian(4, 5),
        {
            "general linear steps": 4,
            "scaling state": 3,
            "scaling channels ↔ their convolutions": 6,
            "scaling all that is read and skipped ↔ output": 1,
            "scaling norm gains": 2 * 5,
            "scale invariance stream": 1,
            "orthogonal stream": 10,
        },
        groups=(
            "permutation 6, permutation 5, permutation 3, sign 5, scaling 6, 2 scaling 5, scaling 3, "
            "scaling 1, scale_invariance 1, orthogonal 5, general_linear 2"
        ),
    ),
    "Mamba 2": Architecture(
        ScalarDecay,
        gaussian(4, 5),
        {
            "general linear state": 9,
            "general linear values": 2 * 9,
            "scaling all that is written ↔ values": 1,
        },
        groups="permutation 2, scaling 1, general_linear 3, general_linear 3 x2",
    ),
    "S4D": Architecture(
        S4D,
        gaussian(12, 3),
        {"positive scaling time": 4, "scaling channels": 4},
        groups="permutation 4, permutation 2 x4, sign 4 x2, positive_scaling 4, scaling 4",
    ),
}
