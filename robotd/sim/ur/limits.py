"""The limits that the safety system of a controller itself holds the arm to."""

from dataclasses import dataclass

Vec3 = tuple[float, float, float]


@dataclass(slots=True, kw_only=True)
class SafetyLimits:
    """More than any of these is a protective stop.

    Attributes:
        joint_speed_rad_s: Of each joint.
        tool_speed_m_s: Of the tool centre point.
        q_min_rad: Lower end of each joint's range (6,).
        q_max_rad: Upper end of each joint's range (6,).
        path_deviation_rad: Of a joint from where it is wanted.
    """

    joint_speed_rad_s: float = 3.33
    tool_speed_m_s: float = 1.5
    q_min_rad: tuple[float, ...] = (-6.34,) * 6
    q_max_rad: tuple[float, ...] = (6.34,) * 6
    path_deviation_rad: float = 0.5

    def joints_excess(self, q: list[float], qd: list[float], deviation_rad: float) -> str:
        """Return what is too much of joints, speeds and deviation, or an empty text."""
        fastest = max(map(abs, qd))
        if fastest > self.joint_speed_rad_s:
            return f"joint speed {fastest:.2f} rad/s, limit {self.joint_speed_rad_s:.2f}"
        for i, (angle, low, high) in enumerate(zip(q, self.q_min_rad, self.q_max_rad, strict=True)):
            if not low <= angle <= high:
                return f"joint {i + 1} at {angle:.2f} rad, range {low:.2f} to {high:.2f}"
        if deviation_rad > self.path_deviation_rad:
            return f"{deviation_rad:.2f} rad off the path, limit {self.path_deviation_rad:.2f}"
        return ""

    def tool_excess(self, before: Vec3, now: Vec3, dt_s: float) -> str:
        """Return what is too much of the tool's speed between two places, or an empty text."""
        way = sum((b - a) ** 2 for a, b in zip(before, now, strict=True)) ** 0.5
        if way > self.tool_speed_m_s * dt_s:
            return f"tool speed {way / dt_s:.2f} m/s, limit {self.tool_speed_m_s:.2f}"
        return ""
