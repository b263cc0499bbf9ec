"""One stage of training, which goes on from its last epoch. PyTorch."""

import math
import time

import numpy as np
import torch
from torch.nn import functional

from .pictures import views


class Trainer:
    """One stage of training, with the running average of weights and batch norm's statistics kept beside the
    weights."""

    def __init__(self, model, x, y, recipe, stage, folder, teacher=None):
        self.model, self.x, self.y, self.recipe, self.stage, self.folder, self.teacher = (
            model,
            x,
            y,
            recipe,
            stage,
            folder,
            teacher,
        )
        self.epochs, self.rate = (
            (recipe.epochs, recipe.rate) if stage == 1 else (recipe.epochs_after, recipe.rate_after)
        )
        self.steps = len(y) // recipe.batch
        decayed = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": recipe.decay}, {"params": others, "weight_decay": 0.0}], lr=self.rate
        )
        self.kept = [v for v in model.state_dict().values() if v.is_floating_point()]
        self.average = [v.clone() for v in self.kept]
        share = np.bincount(y, minlength=2) / len(y)
        self.weight = torch.tensor(0.5 / share, dtype=torch.float32)  # each class weighs the same
        self.epoch = 0
        self.saved = folder / f"stage{stage}.pt"
        if self.saved.exists():
            state = torch.load(self.saved)
            self.epoch = state["epoch"]
            model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.average = state["average"]

    def _step(self, views, y, done):
        recipe, n = self.recipe, len(y)
        total, warm = self.epochs * self.steps, self.steps if self.stage == 1 else self.steps // 4
        for group in self.optimizer.param_groups:
            group["lr"] = (
                self.rate * min(1, (done + 1) / warm) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done / total)))
            )
        pairs = n // 4  # so many views are seen with their neighbour
        x = torch.cat([views[0], views[1, :pairs]]) if self.stage == 2 else views[0]
        with torch.autocast("cpu", torch.bfloat16):
            z = self.model(x.contiguous(memory_format=torch.channels_last)).float()
        target = functional.one_hot(y, 2).float() * (1 - recipe.smoothing) + recipe.smoothing / 2
        loss = -(target * functional.log_softmax(z[:n], 1)).sum(1)
        apart = torch.zeros(())
        if self.stage == 2:
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                taught = functional.softmax(
                    self.teacher(views[0].contiguous(memory_format=torch.channels_last)).float() / recipe.temperature,
                    1,
                )
            lesson = -(taught * functional.log_softmax(z[:n] / recipe.temperature, 1)).sum(1) * recipe.temperature**2
            loss = (1 - recipe.taught) * loss + recipe.taught * lesson
            difference = z[:pairs] - z[n:]
            apart = ((difference[:, 1] - difference[:, 0]) ** 2).mean()
        loss = (loss * self.weight[y]).mean()
        # A network is not made sparse all at once.
        budget = recipe.budget * 4 ** (1 - min(1, done / (0.5 * total)))
        operations = self.model.operations
        whole = loss + self.recipe.steady * apart + recipe.price * functional.relu(operations / budget - 1)
        self.optimizer.zero_grad(set_to_none=True)
        whole.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.kept, 1 - min(0.998, (done + 1) / (done + 11)))
        return float(loss.detach()), float(operations.detach()), float(apart.detach())

    def run(self):
        recipe, log = self.recipe, self.folder / f"stage{self.stage}.csv"
        for epoch in range(self.epoch, self.epochs):
            began, told = time.time(), []
            # The same for a seed and an epoch: a run that goes on is the run that was not stopped.
            rng = np.random.default_rng((recipe.seed, self.stage, epoch))
            torch.manual_seed(recipe.seed * 1000003 + self.stage * 10007 + epoch)
            order = rng.permutation(len(self.y))[: self.steps * recipe.batch].reshape(self.steps, recipe.batch)
            self.model.train()
            for i, rows in enumerate(order):
                variant = rng.integers(0, 2 if "sharpness" in recipe.kinds else 1, len(rows))
                told.append(
                    self._step(
                        views(self.x[variant, rows], recipe, rng),
                        torch.from_numpy(self.y[rows]),
                        epoch * self.steps + i,
                    )
                )
            loss, operations, apart = np.mean(told, axis=0)
            if not math.isfinite(loss):
                raise FloatingPointError(f"{self.folder}: the loss is {loss} in epoch {epoch}")
            line = f"{epoch},{loss:.5f},{operations:.3f},{apart:.5f},{time.time() - began:.1f}"
            with open(log, "a") as f:
                print(line, file=f)
            print(f"{self.folder}: stage {self.stage}: {line}", flush=True)
            new = self.saved.with_suffix(".new")
            torch.save(
                {
                    "epoch": epoch + 1,
                    "model": self.model.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "average": self.average,
                },
                new,
            )
            new.rename(self.saved)
        with torch.no_grad():
            for v, mean in zip(self.kept, self.average):
                v.copy_(mean)
        return self.model


def seconds(log) -> float:
    """What the epochs of a stage took, those of a run that was stopped among them."""
    return sum(float(line.rsplit(",", 1)[1]) for line in log.read_text().splitlines()) if log.exists() else 0.0
