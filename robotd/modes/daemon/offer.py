"""What a cell has for a policy, in the words of the handshake."""

from robotd.core.config import CellConfig
from robotd.core.pusht_spec import AGENT_XY, BLOCK_POSE, BOARD_XY, POSE_UNIT, XY_UNIT
from robotd.pipeline.action_map import TCP_POSE
from robotd.pipeline.handshake import ActionOffer, CellOffer, SignalOffer


def offer_of(cell: CellConfig) -> CellOffer:
    """Return the cell's side of the handshake."""
    signals = {AGENT_XY: SignalOffer(width=2, unit=XY_UNIT)}
    if any(BLOCK_POSE in camera.tracks for camera in cell.cameras.values()):
        signals[BLOCK_POSE] = SignalOffer(width=3, unit=POSE_UNIT)
    if cell.task.command_filter == "none":
        actions = {
            BOARD_XY: ActionOffer(dim=2, unit=XY_UNIT),
            TCP_POSE: ActionOffer(dim=9, unit="m, rot6d"),
        }
    else:
        actions = {BOARD_XY: ActionOffer(dim=2, unit=XY_UNIT, meanings=("command",))}
    return CellOffer(
        name=cell.name, signals=signals, cameras=frozenset(cell.cameras), actions=actions
    )
