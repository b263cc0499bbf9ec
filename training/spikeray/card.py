"""The card of `spikeray`, from its five runs."""

from . import hybrid

# What training took, for the carbon it stands for: a guess, and told as one.
WATTS = 10  # one core of a server, with memory and cooling
GRAMS = 475  # CO2 a kilowatt-hour, the world's mean

CARD = """\
# spikeray {version}

Hybrid spiking network, graded spikes over {steps} time steps, in whole numbers: pneumonia in children's chest X-rays.

**Not a medical device.** A research model. It has been evaluated in no clinic, and no decision about a person may rest on it.

## What it is
An analog stem (a convolution of the pixels), {convolutions} convolutions whose integrate-and-fire neurons spike over T = {steps} time steps, an analog read-out (mean over time and place, one dense
layer), then a logistic calibration. A spike is graded: a neuron fires a whole number, {most} at most, a step. {parameters:,} parameters. The weights of all convolutions are int8 with a scale for each channel, so its
spikes are the same on every processor, bit for bit. {operations:.1f} M synaptic operations a picture (training pictures; a graded spike is one operation for each connection that it goes down), of the {dense:.0f} M multiply-accumulates of its body over all steps.

## For
Research and teaching: spiking and hybrid networks, time-stepped simulation, neuromorphic hardware, serving such models.

## Not for
- Diagnosis, triage or screening, of anybody.
- Adults. It has only seen children of one to five years, from one hospital (Guangzhou Women and Children's Medical Center). On films of adults from another hospital earlier versions were worse than chance: they called most healthy adults ill.
- Findings other than pneumonia, lateral views, CT, photographs of films. The gate flags most pictures that are not frontal chest radiographs, not all of them.
- Telling bacterial from viral pneumonia.

## Data
Chest X-rays of Kermany, Zhang and Goldbaum (2018), Mendeley Data, doi 10.17632/rscbjbr9sj.2, CC BY 4.0, in the split that Kaggle publishes. Of its `train`, exact duplicates are left out. Five
blocks, each a stretch of every numbering of the files; the shipped run is seed and block {fold}: {n_train} pictures to train on (digest `{train_digest}`), {n_val} held out (`{val_digest}`). Half of the official `test` was used to choose the recipe, none of it to fit anything (docs/PROTOCOL.md).

## Preparation
Grey, Pillow's antialiased bilinear to {size}x{size} (aspect not kept), 8 bits; then the grey window between the picture's own 2nd and 98th percentile is stretched to 0..255. The server does the same.

## Training
{epochs} epochs as a ReLU network with batch norm, whose activations are priced, so that few are above 0; then {epochs_after} epochs as the spiking network itself, through time, with int8 weights, taught by the ReLU network on the same views, and held to
the same answer under one grey level of noise. AdamW, cross-entropy with the classes weighing the same and {smoothing:.0%} of label smoothing, a budget of synaptic operations, the running average of the weights at the end of each stage. Augmentation, at full strength
to the end: rotation, scale and aspect, shift (borders repeated, never mirrored), gamma, contrast, brightness, uneven exposure, blur and sharpening, noise, covered borders and rectangles; JPEG quality, half of the time. No weights from elsewhere.
{minutes:.0f} minutes on one CPU core, with {versions}; that is about {energy:.0f} Wh and {carbon:.0f} g of CO2 at {watts} W and {grams} g a kilowatt-hour, both of them assumptions.

## Out of block
{n} pictures, each answered by the one of five runs that has not seen its stretch of the numbering, calibrated; 95% intervals by bootstrap over patients.

{pooled}

{points}

{subgroups}

## Elsewhere
{elsewhere}

## Under stress
{stress}

## Steadiness
{steady}

## Known shortcuts
In the originals, files of healthy and sick children differ in ways that have nothing to do with lungs: NORMAL pictures are larger, sharper, of higher JPEG quality and less wide.
Augmentation works against each. Most healthy pictures also have stronger edges and more local contrast than most ill ones, which no augmentation that was tried takes away. What an audit found:

{audit}

## Probabilities
Calibrated out of block, on plain and stressed pictures alike, for a place where half of the pictures are ill. A caller may state the prevalence, and is told predictive values by the rates of the operating points above, half of whose weight is harmed pictures'.
ECE and Brier above weigh the two classes the same. A place can fit the model to itself: `spikeray calibrate`.

## Licence
The weights are under the project's Apache-2.0 licence. They are derived from pictures under CC BY 4.0: keep the credit above with them.
"""


def card(run, version, tables: dict[str, str], n: int) -> str:
    """run: the shipped one. tables: pooled, points, subgroups, stress, steady, elsewhere and audit, in Markdown."""
    r, shape = run.record, run.plan().final()
    hours = r["seconds"] / 3600
    return CARD.format(
        version=version, parameters=r["parameters"], fold=r["fold"], size=r["size"], steps=r["steps"], most=shape.most, convolutions=len(shape.layers()) - 1, epochs=r["epochs"],
        epochs_after=r["epochs_after"], operations=r["operations"], dense=r["steps"] * sum(shape.fans()),
        smoothing=r["smoothing"], n_train=r["pictures"]["training"], n_val=r["pictures"]["validation"], train_digest=r["digest"]["training"][:16],
        val_digest=r["digest"]["validation"][:16], minutes=r["seconds"] / 60, versions=", ".join(f"{k} {v}" for k, v in r["versions"].items()),
        energy=hours * WATTS, carbon=hours * WATTS * GRAMS / 1000, watts=WATTS, grams=GRAMS, n=n, **tables)


BOARD = """\
# spikeray-board {version}

`spikeray` as a neuromorphic board can run it: pneumonia in children's chest X-rays.

**Not a medical device.** A research model. It has been evaluated in no clinic, and no decision about a person may rest on it. All that [`spikeray`'s card](spikeray.md) says of data, of what it is for and not for, and of shortcuts, holds here.

## What differs
- Neurons of the spiking body start at 0 and are reset to 0, as chips do it, in place of having the threshold taken off.
- One scale a layer, a power of two, and biases of whole halves of it, in place of one scale a channel: nothing is rounded on a board with 8-bit weights.
- Spikes are not graded, and there are {steps} time steps.
- It has {layers} layers of convolutions. In the first {epochs} epochs an activation was the share of the steps in which such a neuron fires at a constant current, in place of a ReLU; in {epochs_after} more it was trained as what it is, among the same pictures as `spikeray`. One run, seed and block {fold}; no spread over seeds is known.

On Loihi's fixed point, emulated, its spikes are the simulator's, which `spikeray model check --board loihi` proves for it: no number is rounded and no state can leave its range.

## On block {fold}
{n} pictures that it was not trained on. Calibration and thresholds were fitted on the same pictures, plain and stressed alike, so that only the AUC is not flattered.

| | |
|---|---|
| AUC, plain | {plain:.4f} |
| AUC, mean over eight kinds of stress | {stressed:.4f} |
| AUC on `shifted`, half of the official test | {shifted:.4f} |
| one grey level of noise moves a probability by, mean and worst of three draws | {moved:.4f}, {worst:.3f}: more than `spikeray`'s, whose neurons have more levels |
{points}

## Licence
The weights are under the project's Apache-2.0 licence. They are derived from pictures under CC BY 4.0: keep the credit in `spikeray`'s card with them.
"""


def board(run, version, points, moved) -> str:
    """The card of the variant for boards: its one run, its operating points, and by how much noise of one grey level moves its probabilities."""
    r = run.record
    stressed = [r["auc"][k] for k in run.kinds]
    return BOARD.format(
        version=version, steps=r["steps"], epochs=r["epochs"], epochs_after=r["epochs_after"], fold=r["fold"], n=r["pictures"]["validation"], plain=r["auc"]["plain"],
        stressed=sum(stressed) / len(stressed), shifted=r["auc_beside"]["shifted"]["plain"], layers=len(hybrid.STACKS[r["stack"]]), moved=moved.mean(), worst=moved.max(),
        points="\n".join(f"| `{p['name']}`: sensitivity, specificity, plain and stressed alike | {p['sensitivity']['value']:.4f}, {p['specificity']['value']:.4f} |" for p in points))
