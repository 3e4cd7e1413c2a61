"""What people's scripts do with ur_rtde, unchanged, against whatever is at an address.

`python ur_rtde_script.py HOST RATE_HZ`: prints one JSON object. A process of its own: ur_rtde's
constructors hold the interpreter's lock.
"""

import json
import math
import sys
import time

import dashboard_client
import rtde_control
import rtde_io
import rtde_receive
import script_client


def largest(a, b):
    return max(abs(x - y) for x, y in zip(a, b, strict=True))


def until(true, limit_s=10.0):
    deadline = time.monotonic() + limit_s
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)
    return bool(true())


def main(host, hz):
    said = {}
    receive = rtde_receive.RTDEReceiveInterface(host)
    dashboard = dashboard_client.DashboardClient(host)
    dashboard.connect()
    said["version"] = dashboard.polyscopeVersion()
    said["robotmode"] = dashboard.robotmode()
    said["safety_bits"] = receive.getSafetyStatusBits()
    begin_s = receive.getTimestamp()
    said["time_goes_on"] = until(lambda: receive.getTimestamp() > begin_s + 0.1)
    control = rtde_control.RTDEControlInterface(host)
    said["running"] = control.isProgramRunning()

    q = receive.getActualQ()
    q[0] += 0.2
    said["moveJ"] = control.moveJ(q, 1.05, 1.4), largest(receive.getActualQ(), q)
    pose = receive.getActualTCPPose()
    pose[2] += 0.05
    said["moveL"] = control.moveL(pose, 0.25, 1.2), largest(receive.getActualTCPPose(), pose)
    said["fk"] = largest(control.getForwardKinematics(), receive.getActualTCPPose())
    said["ik"] = largest(control.getInverseKinematics(pose), receive.getActualQ())
    said["setTcp"] = control.setTcp([0, 0, 0.1, 0, 0, 0]), control.getTCPOffset()[2]
    control.setTcp([0.0] * 6)

    said["servoL"], said["servoL_error_m"] = servo_circle(control, receive, hz)
    said["servoStop"] = control.servoStop()
    q = receive.getActualQ()
    for i in range(hz // 4):
        begin = control.initPeriod()
        q[5] += 0.1 / hz
        said["servoJ"] = control.servoJ(q, 0.5, 0.5, 1 / hz, 0.1, 300)
        control.waitPeriod(begin)
        del i
    control.servoStop()
    said["servoJ_error_rad"] = largest(receive.getActualQ(), q)

    said["speedL"] = control.speedL([0, 0, 0.05, 0, 0, 0], 0.5, 0.0)
    said["speedL_m_s"] = until(lambda: abs(receive.getActualTCPSpeed()[2] - 0.05) < 1e-3)
    said["speedStop"] = control.speedStop()
    said["stands"] = until(lambda: max(map(abs, receive.getActualQd())) < 1e-6, 0.5)

    goal = receive.getActualQ()
    goal[0] -= 0.1
    control.moveJ(goal, 0.5, 1.4, True)
    said["async_running"] = control.getAsyncOperationProgress() >= 0
    said["async_done"] = until(lambda: control.getAsyncOperationProgress() < 0)
    goal[0] += 0.5
    control.moveJ(goal, 0.5, 1.4, True)
    time.sleep(0.3)
    control.stopJ(2.0)
    said["stopped"] = until(lambda: max(map(abs, receive.getActualQd())) < 1e-6, 0.5)
    path = [[*receive.getActualQ(), 1.0, 1.4, 0.0], [*goal, 1.0, 1.4, 0.0]]
    said["path"] = control.moveJ(path), largest(receive.getActualQ(), goal)

    io = rtde_io.RTDEIOInterface(host)
    io.setStandardDigitalOut(3, True)
    said["digital"] = until(lambda: receive.getActualDigitalOutputBits() == 8)
    io.setSpeedSlider(0.5)
    said["slider"] = until(lambda: receive.getSpeedScaling() == 0.5)
    io.setSpeedSlider(1.0)

    said["watchdog"] = control.setWatchdog(10.0)
    said["watchdog_stopped"] = until(lambda: not control.isProgramRunning(), 2.0)
    said["reupload"] = control.reuploadScript(), until(control.isProgramRunning)
    said["custom"] = control.sendCustomScriptFunction("custom", 'textmsg("hello")\n')
    control.stopScript()
    script = script_client.ScriptClient(host, int(said["version"][0]), 0)
    script.connect()
    script.sendScriptCommand("def hold():\n while True:\n  sync()\n end\nend\n")
    said["script"] = until(dashboard.running)
    dashboard.stop()
    said["programState"] = dashboard.programState()
    print(json.dumps(said))  # noqa: T201


def servo_circle(control, receive, hz):
    """Half a second of a circle of 2 cm; how many calls failed, and how far it was off at rest."""
    start = receive.getActualTCPPose()
    failed, pose = 0, list(start)
    for i in range(hz // 2):
        begin = control.initPeriod()
        angle = 2.0 * i / hz
        pose[0] = start[0] + 0.02 * math.sin(angle)
        pose[1] = start[1] + 0.02 * (1 - math.cos(angle))
        failed += not control.servoL(pose, 0.5, 0.5, 1 / hz, 0.1, 300)
        control.waitPeriod(begin)
    time.sleep(0.7)
    return failed, largest(receive.getActualTCPPose()[:3], pose[:3])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
