"""The cell's configuration as closed types; `config_load.py` reads the files."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from robotd.core.config_teleop import TeleopConfig

Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
Joints = tuple[float, float, float, float, float, float]
Point = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
SEEDS_N = 2**32
"""Seeds of the world are below this: the paper's generator takes no others."""
LONGEST_EPISODE_S = 600.0


class Pose(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pose: position [m] and unit quaternion, w first."""

    position_m: Point
    quat_wxyz: Quaternion = (1.0, 0.0, 0.0, 0.0)


class SimArm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the simulated arm behaves."""

    servo_lag_s: Annotated[float, Meta(ge=0, le=0.5)] = 0.03
    """Time constant of the first-order servo lag."""


class DhTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An arm's own Denavit-Hartenberg parameters: the model's, its factory calibration added."""

    a_m: Joints
    d_m: Joints
    alpha_rad: Joints
    theta_rad: Joints


class GuardConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the arm brakes and pauses because of what it touches. Not a certified function."""

    max_force_n: Annotated[float, Meta(gt=0, le=250)] = 40.0
    """Of the tool's force beyond that at arming; e-Series."""
    max_current_a: Joints = (3.0, 3.0, 3.0, 1.5, 1.5, 1.5)
    """Of each joint's current beyond the expected one, and beyond that at arming; CB3."""
    time_s: Annotated[float, Meta(gt=0, le=0.5)] = 0.02
    """Over a bound for so long."""


class UrConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The controller of a Universal Robots arm, and what it has to be before it is armed."""

    lookahead_s: Annotated[float, Meta(ge=0.03, le=0.2)] = 0.05
    """Of `servoj`: longer is smoother and lags more (URScript manual)."""
    gain: Annotated[float, Meta(ge=100, le=2000)] = 300.0
    """Of `servoj`: higher follows more stiffly (URScript manual)."""
    register_base: Literal[0, 24] = 24
    """First general-purpose register used; 0 to 23 are shared with fieldbus and PLC."""
    serial: str = ""
    """The arm's serial number; empty: any."""
    polyscope: str = ""
    """Version that the controller must have, or its beginning (`5.13`); empty: any."""
    max_fk_deviation_m: Annotated[float, Meta(gt=0, le=0.05)] | None = None
    """Between the tool's reported pose and our kinematics of the reported joints; by default 10 mm,
    and 1 mm where `calibrated_dh` is given."""
    max_fk_deviation_rad: Annotated[float, Meta(gt=0, le=0.2)] = 0.02
    tcp_tolerance_m: Annotated[float, Meta(gt=0, le=0.02)] = 0.001
    """Between `arm.tool` and the tool centre point set on the controller."""
    tcp_tolerance_rad: Annotated[float, Meta(gt=0, le=0.2)] = 0.01
    payload_tolerance_kg: Annotated[float, Meta(gt=0, le=1)] = 0.05
    """Between `arm.payload_kg` and the payload set on the controller."""


class ArmConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arm, its tool and its servo loop."""

    kind: Literal["sim", "ur"]
    model: Literal["ur5", "ur5e"]
    """`ur5` is a CB3 (125 Hz), `ur5e` an e-Series (500 Hz) (UR RTDE guide)."""
    host: str = ""
    """Address or name of the controller of a real arm; a mock has its own."""
    tool: Pose
    """The tool centre point in the flange frame."""
    payload_kg: Annotated[float, Meta(ge=0, le=5)] = 0.0
    """Of the tool; the controller of a real arm must have the same one."""
    home_q_rad: Joints
    """Joints from which the tool reaches the start of a run; inside the envelope."""
    action_latency_s: Annotated[float, Meta(ge=0, le=0.5)] = 0.0
    """Calibrated time from a setpoint to the tool being there: path rows are sent so much early."""
    max_state_age_s: Annotated[float, Meta(gt=0, le=0.5)] = 0.1
    max_orders_age_s: Annotated[float, Meta(gt=0, le=1)] = 0.25
    """Orders that the daemon did not renew for so long bind no more: the arm brakes."""
    max_tracking_error_rad: Annotated[float, Meta(gt=0, le=0.5)] = 0.2
    gap_fault_s: Annotated[float, Meta(gt=0, le=0.5)] | None = None
    """Own gap that is a fault; by default 5 periods with real-time rights and 40 ms without."""
    calibrated_dh: DhTable | None = None
    """This arm's own kinematics; by default the nominal ones of its model."""
    guard: GuardConfig = field(default_factory=GuardConfig)
    ur: UrConfig = field(default_factory=UrConfig)
    sim: SimArm = field(default_factory=SimArm)


class Box(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An axis-aligned box in the base frame [m]."""

    min_m: Point
    max_m: Point


class EnvelopeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The safety envelope: no command-line flag changes it. Not a certified safety function."""

    q_min_rad: Joints
    q_max_rad: Joints
    joint_speed_rad_s: Annotated[float, Meta(gt=0, le=3.14)] = 1.05
    joint_acceleration_rad_s2: Annotated[float, Meta(gt=0, le=20)] = 5.0
    joint_jerk_rad_s3: Annotated[float, Meta(gt=0, le=2000)] = 100.0
    """The follower's limit; the gate verifies speed and acceleration."""
    tool_box: Box
    """Where the tool centre point may be."""
    table_z_m: float
    """Height of the table in the base frame: neither the tool nor the elbow goes below."""
    elbow_clearance_m: Annotated[float, Meta(ge=0, le=0.5)] = 0.05
    """The elbow stays so much above the table."""
    tool_speed_m_s: Annotated[float, Meta(gt=0, le=1.5)] = 0.25
    """For tool and elbow. 0.25 m/s is ISO 10218's reduced speed."""
    tool_axis: Point = (0.0, 0.0, -1.0)
    """Nominal direction of the tool's z axis in the base frame."""
    tool_cone_rad: Annotated[float, Meta(gt=0, le=3.15)] = 0.6
    """Largest angle between the tool's z axis and `tool_axis`."""
    min_singular_value: Annotated[float, Meta(ge=0, le=0.5)] = 0.02
    """Smallest singular value of the Jacobian."""


class CameraConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One camera, its own process."""

    kind: Literal["sim", "realsense"]
    """`sim` is the mock's own camera; in a mock `realsense` is an emulated device."""
    serial: Annotated[str, Meta(pattern="^[0-9A-Za-z]{0,32}$")] = ""
    """Which of the cameras on this computer, printed on it; of `realsense`."""
    width_px: Annotated[int, Meta(ge=16, le=4096)] = 640
    height_px: Annotated[int, Meta(ge=16, le=4096)] = 480
    rate_hz: Annotated[float, Meta(gt=0, le=120)] = 30.0
    latency_s: Annotated[float, Meta(ge=0, le=1)] = 0.04
    """Calibrated time from capture to arrival (emulated by the mock)."""
    format: Literal["rgb8", "bgr8", "yuyv"] = "rgb8"
    """What the library is asked for; pictures are RGB in any case."""
    exposure_s: Annotated[float, Meta(gt=0, le=0.2)] | None = None
    """Locked exposure time; None: automatic, so pictures change with the light."""
    gain: Annotated[float, Meta(ge=0, le=1000)] | None = None
    """Locked gain in the camera's own unit; None: as the camera has it."""
    white_balance_k: Annotated[float, Meta(ge=1000, le=20000)] | None = None
    """Locked white balance [K]; None: automatic."""
    depth: Literal["off", "raw", "aligned"] = "off"
    """Depth beside the colour, for trackers: as the camera sees it, or aligned to the colour."""
    depth_width_px: Annotated[int, Meta(ge=16, le=4096)] = 640
    depth_height_px: Annotated[int, Meta(ge=16, le=4096)] = 480
    view: Literal["board", "perspective"] = "perspective"
    """What the simulated camera sees: the board from straight above, or the cell."""
    tracks: tuple[str, ...] = ()
    """Signals that a tracker takes from its frames, for example `block_pose`."""


class ObserveConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an observation is too old to act on."""

    max_age_s: Annotated[float, Meta(gt=0, le=2)] = 0.25
    """Between the newest sample of any part and now."""
    max_skew_s: Annotated[float, Meta(gt=0, le=1)] = 0.06
    """Between the row wanted and the sample chosen, for each part."""
    missed_frames_stop: Annotated[int, Meta(ge=1, le=100)] = 2
    """While an episode is recorded, a camera that misses so many in a row stops the arm; 2 of 30 a
    second: 80 ms after the last one."""


class ExecutorConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How chunks become plans."""

    kind: Literal["receding", "ensemble"] = "receding"
    n_action_steps: Annotated[int, Meta(ge=0, le=256)] = 0
    """Rows executed before the next chunk is wanted; 0: what the policy's spec says."""
    weights: Literal["exponential", "uniform"] = "exponential"
    """Of `ensemble`: exp(-m i) with i = 0 the oldest (ACT), or all equal."""
    m: Annotated[float, Meta(ge=0, le=10)] = 0.01
    max_jump_m: Annotated[float, Meta(gt=0, le=0.2)] = 0.05
    """A plan whose first pose is further from the setpoint is refused."""


class PolicyConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the policy server is asked."""

    deadline_s: Annotated[float, Meta(gt=0, le=10)] = 0.4
    max_failures: Annotated[int, Meta(ge=1, le=100)] = 3
    """Consecutive failed requests after which the run stops."""
    sampler: str = ""
    steps: Annotated[int, Meta(ge=0, le=1000)] = 0
    """0: the sampler's own default."""


class TaskConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the task's numbers relate to the cell."""

    kind: Literal["pusht"] = "pusht"
    board_m: Positive = 0.30
    """Side of the board; the task's own unit is 1/512 of it."""
    T_base_table: Pose
    """The board's corner: x right, y down as in its picture, z into the table."""
    tip_height_m: Annotated[float, Meta(ge=0, le=0.3)] = 0.01
    """Height of the tool centre point over the table while it works."""
    travel_height_m: Annotated[float, Meta(gt=0, le=0.5)] = 0.08
    """Height over the table at which the tool goes to where it starts."""
    start_xy_px: tuple[float, float] | None = None
    """Where on the board a run starts [px]; by default as the mock's world says, or the middle."""
    command_filter: Literal["none", "pusht_pd"] = "pusht_pd"
    """`pusht_pd` gives the tool the dynamics of the simulated agent (kp 100, kv 20, 100 Hz)."""
    max_episode_s: Annotated[float, Meta(gt=0, le=LONGEST_EPISODE_S)] = 30.0


class RecordConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How episodes are recorded."""

    codec: Literal["h264", "jpeg", "png"] = "h264"
    """Of the cameras' frames; `png` loses nothing and costs ten times the room."""
    crf: Annotated[int, Meta(ge=0, le=40)] = 20
    """Of `h264`: 0 best, 20 hard to tell from the original."""
    preset: Literal["ultrafast", "superfast", "veryfast"] = "superfast"
    """Of `h264`: faster needs less of a core and more room."""
    jpeg_quality: Annotated[int, Meta(ge=1, le=100)] = 90
    flush_s: Annotated[float, Meta(gt=0, le=5)] = 0.5
    """A crash loses at most so much of the open episode."""
    max_behind_s: Annotated[float, Meta(gt=0, le=60)] = 5.0
    """What waits for longer than this to be written stops the episode."""
    reserve_mb: NonNegative = 5000.0
    """An episode is not begun with less room on the disk."""
    stop_mb: NonNegative = 500.0
    """With less room the arm brakes and the open episode is closed."""


class WorldConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The simulated world of the mock cell."""

    seed: Annotated[int, Meta(ge=0, lt=SEEDS_N)] = 200000
    """Start of the block and the tool by the paper's protocol."""
    tracker_noise_m: NonNegative = 0.0
    tracker_noise_rad: NonNegative = 0.0


class CellConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One cell: everything that its processes need to know."""

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,31}$")]
    arm: ArmConfig
    envelope: EnvelopeConfig
    cameras: dict[str, CameraConfig]
    observe: ObserveConfig = field(default_factory=ObserveConfig)
    executor: ExecutorConfig = field(default_factory=ExecutorConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    task: TaskConfig
    record: RecordConfig = field(default_factory=RecordConfig)
    teleop: TeleopConfig = field(default_factory=TeleopConfig)
    world: WorldConfig | None = None
    """Present in a mock cell only."""

    @property
    def mock(self) -> bool:
        """Whether the hardware is simulated."""
        return self.world is not None
