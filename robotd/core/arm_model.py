"""The kinematics that a cell's configuration asks for."""

from robotd.core.config import ArmConfig
from robotd.core.geometry import pose_from_quat
from robotd.core.kinematics import Kinematics
from robotd.core.ur_models import ur_model


def kinematics_of(arm: ArmConfig) -> Kinematics:
    """Return the nominal arm of the configured model with the configured tool."""
    tool = pose_from_quat(arm.tool.position_m, arm.tool.quat_wxyz)
    return Kinematics(ur_model(arm.model).dh, tool)
