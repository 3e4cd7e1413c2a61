"""The kinematics that a cell's configuration asks for."""

import numpy as np

from robotd.core.config import ArmConfig
from robotd.core.geometry import pose_from_quat
from robotd.core.kinematics import Kinematics
from robotd.core.ur_models import DhParameters, ur_model


def kinematics_of(arm: ArmConfig) -> Kinematics:
    """Return the configured arm with its tool: by its own kinematics, or else its model's."""
    tool = pose_from_quat(arm.tool.position_m, arm.tool.quat_wxyz)
    own = arm.calibrated_dh
    if own is None:
        return Kinematics(ur_model(arm.model).dh, tool)
    a_m, d_m, alpha_rad, theta_rad = map(np.array, (own.a_m, own.d_m, own.alpha_rad, own.theta_rad))
    return Kinematics(
        DhParameters(a_m=a_m, d_m=d_m, alpha_rad=alpha_rad, theta_rad=theta_rad), tool
    )
