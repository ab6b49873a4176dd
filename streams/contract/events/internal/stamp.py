"""What the stage of reporters says about a report to the channel that counts it."""

from typing import Literal, NamedTuple

TrustClass = Literal["high", "medium", "low"]


class ReportStamp(NamedTuple):
    """Is applied together with the report, so that a replay of the channel gives the same.

    `factor` multiplies the weight of the report: 1 if nothing is known of its reporter, 0 beyond the limit of
    the day (`over_limit`). `mean` and `lower` are the trust and its lower bound, `outcomes` how many it rests
    on, faded ones counted less. `first_time`: no outcome is known of the reporter yet. `signature` has 64
    bytes; `needed` is the evidence that links this reporter to another one
    (counting/coordination/signature.py). `proof` are keyed tags of channels in which the reporter was
    right; two prove it. `paused`: processing of the reporter's reports is suspended.
    `watched`: the reporter was warned, so what the report adds must be remembered. `channels` is about how
    many channels the reporter has reported this week, 0 if that is not known.
    """

    reporter_class: TrustClass
    mean: float
    lower: float
    outcomes: float
    factor: float
    first_time: bool
    over_limit: bool
    signature: int
    needed: int
    proof: tuple[int, ...] = ()
    paused: bool = False
    watched: bool = False
    channels: int = 0
