"""Runs gym-pusht on given starts and actions; called with the benchmark's own interpreter.

    .venv-parity/bin/python tests/parity/run_gym_pusht.py IN.npz OUT.npz

IN: starts (E, 5), legacy (E,) bool, steps_n (E,), actions (sum of steps_n, 2), pictures (P, 5).
OUT: placed (E, 5) states before the first action; states (S, 5), coverage (S,), rewards (S,) after
each action; rgb (P, 96, 96, 3), and large_rgb (P, 512, 512, 3) before its reduction.
"""

import os
import sys

os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"

import numpy as np
from gym_pusht.envs.pusht import PushTEnv


def place(env, state, legacy):
    """Put a drawn start as the benchmark does, or a recorded state exactly."""
    if legacy:
        env.reset(seed=0, options={"reset_to_state": state})
        return
    env._setup()  # reset() would step the space once, which leaves contacts of another state behind
    env.agent.position = state[:2].tolist()
    env.block.angle = float(state[4])
    env.block.position = state[2:4].tolist()


def main(source, target):
    given = np.load(source)
    env = PushTEnv(obs_type="state")
    placed, states, coverage, rewards = [], [], [], []
    actions = np.split(given["actions"], np.cumsum(given["steps_n"], dtype=int))[:-1]
    for start, legacy, rows in zip(given["starts"], given["legacy"], actions, strict=True):
        place(env, start, legacy)
        placed.append(env.get_obs())
        for action in rows:
            obs, reward, _, _, info = env.step(action)
            states.append(obs)
            rewards.append(reward)
            coverage.append(info["coverage"])

    pictures = {}
    for name, side in (("rgb", 96), ("large_rgb", 512)):
        camera = PushTEnv(
            obs_type="pixels",
            render_mode="rgb_array",
            observation_width=side,
            observation_height=side,
        )
        pictures[name] = []
        for state in given["pictures"]:
            place(camera, state, legacy=False)
            for body in (camera.agent, camera.block):
                camera.space.reindex_shapes_for_body(body)  # else the shapes are drawn as they were
            pictures[name].append(camera.get_obs())

    np.savez(target, placed=placed, states=states, coverage=coverage, rewards=rewards, **pictures)


if __name__ == "__main__":
    main(*sys.argv[1:])
