"""The training run, top to bottom."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import msgspec
import torch

from policy_server.checkpoint import Checkpoint, save_checkpoint
from policy_server.diffusion.objective import add_noise, loss_of
from policy_server.diffusion.schedule import alpha_bars
from policy_server.rollout import require_board
from policy_server.training.batches import batch_order, step_generator
from policy_server.training.config import TrainConfig
from policy_server.training.ema import ema_decay, update_ema
from policy_server.training.learner import Learner, learning_rate, make_learner
from policy_server.training.log import open_log
from policy_server.training.prepare import Prepared, prepare
from policy_server.training.progress import Progress
from policy_server.training.state import RunState, SavedRun, save_state
from policy_server.training.validate import rollout_score, validation_loss
from robotd.core.errors import CheckpointError, RobotdError
from robotd.episodes.source import EpisodeSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended.

    Attributes:
        step: Updates done.
        finished: Whether these are all.
        best: Figure of the `best` checkpoint (score, or negative validation loss), if any.
        seconds: Time spent in this call.
    """

    step: int
    finished: bool
    best: float | None
    seconds: float


def train(
    config: TrainConfig,
    source: EpisodeSource,
    out: Path,
    *,
    progress: Progress,
    resume: SavedRun | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Train a policy and keep `last`, `best`, `state.safetensors` and `log.jsonl` in `out`.

    Args:
        config: What to train.
        source: The demonstrations.
        out: Folder of the run.
        progress: Where to show how it goes.
        resume: The state to go on from.
        should_stop: Asked before every step; once true, the run is saved and the call returns.

    Raises:
        DatasetError, ConfigError: The data or the configuration does not allow the run.
        CheckpointError: The state does not belong to this run, or nothing can be written.
        RobotdError: The loss is not finite any more.
    """
    began = monotonic()
    if config.run.rollout_every:
        require_board(config.name, "run.rollout_every")
    data = prepare(config, source)
    learner = make_learner(data.about)
    step, best = 0, None
    if resume is not None:
        if resume.state.dataset_sha256 != source.sha256:
            raise CheckpointError(f"{out}: the run was begun on other demonstrations")
        learner.restore(resume)
        step, best = resume.state.step, resume.state.best
    first_step, optimiser, run = step, config.optimiser, config.run
    device = torch.device(run.device)
    alpha_bar = alpha_bars(config.diffusion.train_steps).to(device)
    parameters = list(learner.network.parameters())
    averages = list(learner.average.parameters())
    losses: list[torch.Tensor] = []

    with open_log(out, from_step=step) as log:
        while step < optimiser.steps and not should_stop():
            for group in learner.optimiser.param_groups:
                group["lr"] = learning_rate(step, optimiser)
            generator = step_generator(step, seed=run.seed, device=device)
            chosen = batch_order(
                step, windows_n=len(data.train), batch=optimiser.batch, seed=run.seed
            )
            obs, action = data.train.take(torch.from_numpy(chosen).to(device))  # (B, n_obs, D)
            noise = torch.randn(action.shape, generator=generator, device=device)  # (B, H, A)
            t = torch.randint(
                len(alpha_bar), (len(action),), generator=generator, device=device
            )  # (B,)
            noised = add_noise(action, noise, t, alpha_bar)  # (B, H, A)
            with torch.autocast(device.type, torch.bfloat16, enabled=run.precision == "bf16"):
                prediction = learner.network(noised, t, obs)  # (B, H, A)
            kind = config.diffusion.prediction
            loss = loss_of(prediction.float(), kind=kind, sample=action, noise=noise)
            learner.optimiser.zero_grad()
            loss.backward()
            learner.optimiser.step()
            decay = ema_decay(step, power=optimiser.ema_power, maximum=optimiser.ema_max)
            update_ema(averages, parameters, decay=decay)
            losses.append(loss.detach())
            step += 1

            if step % run.log_every == 0 or step == optimiser.steps:
                mean_loss = float(torch.stack(losses).mean())
                losses.clear()
                if not math.isfinite(mean_loss):
                    raise RobotdError(
                        f"training diverged at step {step}: the loss is not finite; lower "
                        f"optimiser.lr = {optimiser.lr} or use run.precision = fp32"
                    )
                seconds = monotonic() - began
                rate = (step - first_step) * len(chosen) / seconds
                log(step, {"loss": mean_loss, "lr": learning_rate(step - 1, optimiser)}, seconds)
                progress.update(step, loss=mean_loss, samples_per_s=rate)
            if step % run.validate_every == 0 or step == optimiser.steps:
                figures = _validate(config, data, learner, step)
                log(step, figures, monotonic() - began)
                progress.note(step, figures)
                figure = figures.get("score", -figures.get("validation_loss", -float(step)))
                picks = "score" in figures or not run.rollout_every
                better = picks and (best is None or figure > best)
                best = figure if better else best
                _save(out, config, data, learner, step, best, figures, is_best=better)
    if not (step == optimiser.steps or step % run.validate_every == 0) or step == first_step:
        _save(out, config, data, learner, step, best, {}, is_best=False)
    return Outcome(
        step=step, finished=step == optimiser.steps, best=best, seconds=monotonic() - began
    )


def _validate(config: TrainConfig, data: Prepared, learner: Learner, step: int) -> dict[str, float]:
    """Measure the averaged weights on held-out episodes and, where due, on the board."""
    figures: dict[str, float] = {}
    if len(data.validation):
        figures["validation_loss"] = validation_loss(config, learner.average, data.validation)
    run = config.run
    if run.rollout_every and (step % run.rollout_every == 0 or step == config.optimiser.steps):
        figures["score"] = rollout_score(
            Checkpoint(about=data.about, network=learner.average),
            episodes=run.rollout_episodes,
            first_seed=run.rollout_first_seed,
            device=run.device,
        )
    return figures


def _save(
    out: Path,
    config: TrainConfig,
    data: Prepared,
    learner: Learner,
    step: int,
    best: float | None,
    figures: dict[str, float],
    *,
    is_best: bool,
) -> None:
    """Write the state, `last`, and `best` where these weights are it."""
    about = msgspec.structs.replace(data.about, step=step, figures=figures)
    weights = learner.average.state_dict()
    save_checkpoint(out / "last", about, weights)
    if is_best:
        save_checkpoint(out / "best", about, weights)
    state = RunState(step=step, best=best, config=config, dataset_sha256=data.about.dataset_sha256)
    save_state(out, state, learner.tensors())
