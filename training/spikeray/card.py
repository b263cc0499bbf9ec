"""The card of `spikeray`, from its five runs."""

from . import hybrid

# What training took, for the carbon it stands for: a guess, and told as one.
WATTS = 2 * 10  # two cores of a server, with memory and cooling
GRAMS = 475  # CO2 a kilowatt-hour, the world's mean

CARD = """\
# spikeray {version}

Hybrid spiking network over four time steps, in whole numbers: pneumonia in children's chest X-rays.

**Not a medical device.** A research model. It has been evaluated in no clinic, and no decision about a person may rest on it.

## What it is
An analog stem (a convolution of the pixels), five convolutions whose integrate-and-fire neurons spike over T = {steps} time steps, an analog read-out (mean over time and place, one dense
layer), then a logistic calibration. {parameters:,} parameters; weights of all convolutions are int8 with a scale for each channel, so its spikes are the same on every processor, bit for bit.
{rate:.1%} of neurons spike in a step; {operations:.1f} M synaptic operations a picture, of the {dense:.0f} M multiply-accumulates that the same layers would take four times over without spikes.

## For
Research and teaching: spiking and hybrid networks, time-stepped simulation, neuromorphic hardware, serving such models.

## Not for
- Diagnosis, triage or screening, of anybody.
- Adults. It has only seen children of one to five years, from one hospital (Guangzhou Women and Children's Medical Center).
- Findings other than pneumonia, lateral views, CT, photographs of films. The gate flags much of what is no frontal chest radiograph, not all of it.
- Telling bacterial from viral pneumonia.

## Data
Chest X-rays of Kermany, Zhang and Goldbaum (2018), Mendeley Data, doi 10.17632/rscbjbr9sj.2, CC BY 4.0, in the split that Kaggle publishes. Of its `train`, exact duplicates are left out. Five
folds by patient; the shipped run is seed and fold {fold}: {n_train} pictures to train on (digest `{train_digest}`), {n_val} to validate on (`{val_digest}`). The official `test` was not used.

## Preparation
Grey, Pillow's antialiased bilinear to {size}x{size} (aspect not kept), 8 bits, divided by 255. The server does the same.

## Training
{epochs} epochs with quantised activations of {levels} levels and batch norm, then {epochs_after} epochs as the spiking network itself, through time, with int8 weights: AdamW, cross-entropy with the classes weighing the
same and {smoothing:.0%} of label smoothing, a price on synaptic operations, the running average of the weights at the end. Augmentation: rotation, scale and aspect, shift, mirroring, gamma, contrast,
brightness, uneven exposure, blur and sharpening, noise, borders, covered rectangles, at full strength at first, in the second stage at a strength drawn from none to full; JPEG quality, half of the time.
There, too, a picture whose look (how much its grey varies at five scales and in all, and no more) speaks against its class weighs up to {look:.0f} times as much as one whose look gives it away. No weights from elsewhere. {minutes:.0f} minutes on two CPU cores beside other work, with {versions};
that is about {energy:.0f} Wh and {carbon:.0f} g of CO2 at {watts} W and {grams} g a kilowatt-hour, both of them assumptions.

## Out of fold
{n} pictures, each answered by the one of five runs that has not seen its patient, calibrated; 95% intervals by bootstrap over patients.

{pooled}

{points}

{subgroups}

Expect less elsewhere. The official test of this data set is shifted from its `train`, and specificity falls most.

## Under stress
{stress}

## Known shortcuts
In the originals, files of healthy and sick children differ in ways that have nothing to do with lungs: NORMAL pictures are larger, sharper, of higher JPEG quality and less wide.
Augmentation works against each. Most healthy pictures also have stronger edges and more local contrast than most ill ones, which no augmentation that was tried takes away; weights in training work against that. Of the healthy children whose pictures come softer (`NORMAL2-IM-1356` and on), {late} are called ill. What an audit found:

{audit}

## Probabilities
Calibrated out of fold, on plain and stressed pictures alike, for a place where half of the pictures are ill. A caller may state the prevalence, and is told predictive values by the rates of the operating points above, half of whose weight is harmed pictures'.
ECE and Brier above weigh the two classes the same.

## Licence
The weights are under the project's Apache-2.0 licence. They are derived from pictures under CC BY 4.0: keep the credit above with them.
"""


def card(run, version, tables: dict[str, str], spikes: dict[str, float], n: int) -> str:
    """run: the shipped one. tables: pooled, points, subgroups, stress and audit, in Markdown, and late, a count. spikes: findings.operations'."""
    r = run.record
    hours = r["seconds"] / 3600
    return CARD.format(
        version=version, parameters=r["parameters"], fold=r["fold"], size=r["size"], steps=r["steps"], levels=r["steps"] + 1, epochs=r["epochs"], epochs_after=r["epochs_after"],
        smoothing=r["smoothing"], look=r["look_after"], n_train=r["pictures"]["training"], n_val=r["pictures"]["validation"], train_digest=r["digest"]["training"][:16],
        val_digest=r["digest"]["validation"][:16], minutes=r["seconds"] / 60, versions=", ".join(f"{k} {v}" for k, v in r["versions"].items()),
        energy=hours * WATTS, carbon=hours * WATTS * GRAMS / 1000, watts=WATTS, grams=GRAMS, n=n, rate=spikes["rate"], operations=spikes["operations"],
        dense=r["steps"] * dense(r["size"], r["width"]) / 1e6, **tables)


def dense(size, width=1.0) -> float:
    """Multiply-accumulates of the spiking body for one step."""
    side, total = -(-size // hybrid.STEM[2]), 0
    before = hybrid.channels_of(hybrid.STEM[0], width)
    for channels, kernel, stride in hybrid.BODY:
        side, channels = -(-side // stride), hybrid.channels_of(channels, width)
        total += side * side * kernel * kernel * before * channels
        before = channels
    return total


BOARD = """\
# spikeray-board {version}

`spikeray` as a neuromorphic board can run it: pneumonia in children's chest X-rays.

**Not a medical device.** A research model. It has been evaluated in no clinic, and no decision about a person may rest on it. All that [`spikeray`'s card](spikeray.md) says of data, of what it is for and not for, and of shortcuts, holds here.

## What differs
- Neurons of the spiking body start at 0 and are reset to 0, as chips do it, in place of having the threshold taken off.
- One scale a layer, a power of two, and biases of whole halves of it, in place of one scale a channel: nothing is rounded on a board with 8-bit weights.
- It shares the first {epochs} epochs with `spikeray` of seed and fold {fold} and was trained for {epochs_after} more as what it is. One run; no spread over seeds is known.

On Loihi's fixed point, emulated, its spikes are the simulator's, which `spikeray model check --board loihi` proves for it: no number is rounded and no state can leave its range.

## On fold {fold}
{n} pictures that it was not trained on; of the five folds, the one of `spikeray`'s highest plain AUC (`models/seeds/spikeray-3`; the shipped `spikeray` was trained on it). Calibration and thresholds were fitted on the same pictures, plain and stressed alike, so that only the AUC is not flattered.

| | |
|---|---|
| AUC, plain | {plain:.4f} |
| AUC, mean over eight kinds of stress | {stressed:.4f} |
{points}

## Licence
The weights are under the project's Apache-2.0 licence. They are derived from pictures under CC BY 4.0: keep the credit in `spikeray`'s card with them.
"""


def board(run, version, points) -> str:
    """The card of the variant for boards: its one run, and its operating points."""
    r = run.record
    stressed = [v for k, v in r["auc"].items() if k != "plain"]
    return BOARD.format(
        version=version, epochs=r["epochs"], epochs_after=r["epochs_after"], fold=r["fold"], n=r["pictures"]["validation"], plain=r["auc"]["plain"],
        stressed=sum(stressed) / len(stressed),
        points="\n".join(f"| `{p['name']}`: sensitivity, specificity, plain and stressed alike | {p['sensitivity']['value']:.4f}, {p['specificity']['value']:.4f} |" for p in points))
