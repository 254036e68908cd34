"""Which steps are alike as far as their surroundings tell."""

from __future__ import annotations

from .._program.statements import Centre, Map, Term
from .._steps.flow import Flow
from .._steps.lower import Block, Lowered, Step

ROUNDS = 4
"""How far steps look around before they are taken to be alike."""


def colours(lowered: Lowered, flow: Flow) -> dict[Step, int]:
    """Equal numbers for steps that are alike as far as their surroundings tell (Weisfeiler and Leman)."""
    own = {step: hash(_signature(step)) for step in lowered.steps}
    blocks = {slot.block for step in lowered.steps for slot in step.slots}
    of_block = {b: hash((form(b), b.value.origin.name, b in flow.pinned)) for b in blocks}
    of_step: dict[Step, int] = {}
    for _ in range(ROUNDS):
        of_step = {s: hash((own[s], *(of_block[slot.block] for slot in s.slots))) for s in lowered.steps}
        of_block = {
            b: hash(
                (
                    colour,
                    tuple(sorted(of_step[s] for s in flow.makers[b])),
                    tuple(sorted(of_step[s] for s, _ in flow.readers[b])),
                )
            )
            for b, colour in of_block.items()
        }
    return of_step


def _signature(step: Step) -> tuple[object, ...]:
    """What two steps share if they compute the same function of their inputs."""
    statement = step.statement
    shape = tuple(len(slot.keys) for slot in step.slots)
    if isinstance(statement, Map):
        # what has no name may be any function
        return "map", statement.function or id(statement), shape
    if isinstance(statement, Centre):
        return "centre", len(step.over(statement.over)), shape
    if isinstance(statement, Term):
        slides = statement.windows or statement.ordered
        window = (statement.function or id(statement)) if slides else ""
        return "term", statement.coefficient, tuple(o.power for o in statement.inputs), window, shape
    return "view", shape


def form(block: Block) -> tuple[tuple[int, ...], float]:
    """What two blocks have to share to be alike."""
    return block.sizes, block.about
