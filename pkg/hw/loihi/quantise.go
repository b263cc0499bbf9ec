package loihi

import (
	"errors"
	"math"
	"slices"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// A weight of eight bits goes onto the chip doubled, since weights of both signs are even there, and activations arrive
// shifted by 6 bits: one step of the weights is 128 steps of the membrane potential, and two of the threshold.
const potentialSteps = 2 << shift

// gridTolerance, in steps, is more than float32 rounds a multiple of at most 127 of any step by.
const gridTolerance = 1.0 / (1 << 16)

// quantise turns a stage into the chip's numbers, or adds to the refusal why it cannot. The layer is the depth-th, from 1:
// so many steps pass before the first spikes can reach its neurons.
//
// A layer of the chip has one scale. int8 weights with one scale for all outputs are taken as they are. Other weights keep
// the grid that they lie on, if there is one (see commonStep); if not, the largest becomes 127 steps, and every other the
// nearest whole number of them.
func quantise(s *hw.Stage, depth, steps int, refusal *hw.Refusal) (l machineLayer, q simulated, r hw.LayerReport) {
	before := len(refusal.Reasons)
	r = hw.LayerReport{
		Layer: s.Weighted.LayerName, Neurons: s.Neurons.LayerName, Threshold: float64(s.Neurons.Threshold), Decay: 1, BoardDecay: 1,
		Weights: len(s.Weighted.Int8) + len(s.Weighted.Float32), NeuronCount: s.Out.Len(), Synapses: s.Synapses(),
	}
	weights := wholeWeights(s, &r)
	if weights == nil {
		refusal.Add(r.Layer, "its weights or scales are not finite")
		return
	}
	unit := potentialSteps / r.Scale // potential steps to the network's unit
	n := &lif{Neurons: s.Out.Len(), DU: maxDecay}
	if s.Neurons.Dynamics == spike.LeakyIntegrateAndFire {
		r.Decay = float64(s.Neurons.Decay)
		n.DV = int32(max(1, min(math.Round((1-r.Decay)*decayOne), maxDecay)))
		r.BoardDecay = 1 - float64(n.DV)/decayOne
	}
	if !setBias(n, s, unit, &r) {
		refusal.Add(r.Layer, "a bias is not finite or more than %d steps of its weights", maxBias)
	}
	start, exactStart, ok := startPotentials(s, r.Scale)
	if !ok {
		refusal.Add(r.Neurons, "starts at more than %d steps of the weights before it", stateMax/potentialSteps)
	}
	if len(refusal.Reasons) > before {
		return
	}

	// The chip fires above its threshold, the network at it. All potentials are multiples of the grid.
	grid := int32(potentialSteps)
	for i := range start {
		grid = min(grid, lowestBit(start[i]), lowestBit(n.bias(i)))
	}
	if n.DV > 0 {
		grid = 1
	}
	at := r.Threshold * unit
	threshold, above := math.Round(at/(1<<shift)), 0.0
	if grid >= 1<<shift {
		threshold, above = math.Ceil(at/(1<<shift))-1, 1
	}
	if threshold > maxVth {
		refusal.Add(r.Neurons, "its threshold is %.6g steps of the weights before it, must be at most %d", r.Threshold/r.Scale, (maxVth+1)<<shift/potentialSteps)
		return
	}
	n.Threshold = int32(threshold)
	r.BoardThreshold = (threshold + above) * (1 << shift) / unit
	current, potential := worstCase(s, weights, n, start, steps)
	r.Reach = max(current, potential) / stateMax
	if current >= 1<<(31+shift) {
		refusal.Add(r.Layer, "its sums could overflow 32 bits")
		return
	}
	r.Exact = r.RoundedWeights == 0 && r.BiasError == 0 && exactStart && n.DV == 0 && sameFiring(&r, n, grid, potential, steps)

	q = newSimulated(s, weights, n, start, grid)
	for i, v := range start {
		if start[i], ok = n.before(v, i, depth); !ok {
			refusal.Add(r.Neurons, "its starting voltage cannot be kept until the first spikes arrive, since only its bias arrives for %d steps", depth)
			return
		}
	}
	synapses, err := newSynapses(s, weights)
	if err != nil {
		refusal.Add(r.Layer, "%v", err)
	}
	return machineLayer{Synapses: synapses, Neurons: n, Start: start}, q, r
}

// wholeWeights gives the weights [KH][KW][in][out] in steps of one scale, which goes into the report, or nil where they
// are not numbers.
func wholeWeights(s *hw.Stage, r *hw.LayerReport) []int32 {
	w := &s.Weighted.Weights
	channels := s.Out.C
	whole := make([]int32, r.Weights)
	uniform := len(w.Scale) > 0 && w.Scale[0] > 0
	for _, scale := range w.Scale {
		uniform = uniform && scale == w.Scale[0]
	}
	if uniform && !math.IsInf(float64(w.Scale[0]), 0) {
		r.Scale = float64(w.Scale[0])
		for i, v := range w.Int8 {
			whole[i] = int32(v)
		}
		return whole
	}
	current := func(i int) float64 { // that one incoming spike makes
		if w.Int8 != nil {
			return float64(w.Int8[i]) * float64(w.Scale[i%channels])
		}
		return float64(w.Float32[i]) * float64(s.Value)
	}
	lowest, highest := 0.0, 0.0
	for i := range whole {
		c := current(i)
		if math.IsNaN(c) || math.IsInf(c, 0) {
			return nil
		}
		lowest, highest = min(lowest, c), max(highest, c)
	}
	r.Scale = r.Threshold
	if lowest != 0 || highest != 0 {
		r.Scale = commonStep(len(whole), current, lowest, highest, float64(s.Value))
	}
	for i := range whole {
		exact := current(i) / r.Scale
		near := math.Round(exact)
		whole[i] = int32(near)
		if off := math.Abs(exact - near); off > 1e-9 {
			r.RoundedWeights++
			r.WeightError = max(r.WeightError, off)
		}
	}
	return whole
}

// commonStep gives the step of a layer's weights. Weights that lie on a grid of at most eight bits keep it, so that none of
// them is rounded: first the finest power of two that the chip has room for (in what a spike stands for, too), then any
// part of the largest weight. Otherwise the largest weight becomes 127 steps.
func commonStep(n int, current func(int) float64, lowest, highest, value float64) float64 {
	largest := max(highest, -lowest)
	fits := func(step, tolerance float64) bool {
		for i := range n {
			if exact := current(i) / step; math.Abs(exact-math.Round(exact)) > tolerance {
				return false
			}
		}
		return true
	}
	for _, unit := range []float64{1, value} {
		_, exponent := math.Frexp(largest / unit)
		step := math.Ldexp(unit, exponent-8) // the largest is 128 to 256 of these
		if highest/step > 127 || lowest/step < -128 || lowest/step < -127 && highest <= 0 {
			step *= 2
		}
		if fits(step, 0) {
			return step
		}
	}
	for m := 127.0; m > 1; m-- {
		if fits(largest/m, gridTolerance) {
			return largest / m
		}
	}
	return largest / 127
}

// setBias gives the neurons mantissas with the smallest exponent that they all fit, and reports false when none does.
func setBias(n *lif, s *hw.Stage, unit float64, r *hw.LayerReport) bool {
	largest := 0.0
	for _, b := range s.Weighted.Bias {
		largest = max(largest, math.Abs(float64(b))*unit)
	}
	if largest == 0 || math.IsNaN(largest) {
		return largest == 0
	}
	for math.Round(math.Ldexp(largest, -n.BiasExponent)) > maxBias {
		if n.BiasExponent++; n.BiasExponent > maxExp {
			return false
		}
	}
	n.BiasMantissa = make([]int32, n.Neurons)
	for i := range n.BiasMantissa {
		b := float64(s.Weighted.Bias[i%s.Out.C])
		n.BiasMantissa[i] = int32(math.Round(math.Ldexp(b*unit, -n.BiasExponent)))
		if board := float64(n.bias(i)); board*r.Scale != b*potentialSteps {
			r.BiasError = max(r.BiasError, math.Abs(board-b*unit)/potentialSteps)
		}
	}
	return true
}

// startPotentials gives what the neurons start at, and whether none was rounded; false when one is out of range.
func startPotentials(s *hw.Stage, scale float64) (start []int32, exact, ok bool) {
	voltages := make([]float32, s.Out.Len())
	s.Neurons.Start.Fill(voltages)
	start, exact = make([]int32, len(voltages)), true
	for i, v := range voltages {
		at := math.Round(float64(v) * potentialSteps / scale)
		if !(math.Abs(at) < stateMax) {
			return nil, false, false
		}
		start[i] = int32(at)
		exact = exact && at*scale == float64(v)*potentialSteps
	}
	return start, exact, true
}

// lowestBit of x, or the grid of weights for 0.
func lowestBit(x int32) int32 {
	if x == 0 {
		return potentialSteps
	}
	return x & -x
}

// worstCase gives the largest magnitudes that a current and a potential could have, in the potential's steps.
func worstCase(s *hw.Stage, weights []int32, n *lif, start []int32, steps int) (current, potential float64) {
	channels := s.Out.C
	up, down := make([]float64, channels), make([]float64, channels) // the largest currents of either sign
	for i, w := range weights {
		if c := float64(w) * potentialSteps * float64(s.MaxCount); c > 0 {
			up[i%channels] += c
		} else {
			down[i%channels] -= c
		}
	}
	for i, v := range start {
		u, d, b := up[i%channels], down[i%channels], float64(n.bias(i))
		current = max(current, u, d)
		potential = max(potential, max(float64(n.Threshold)*(1<<shift), float64(v))+u+max(b, 0),
			max(-float64(v), 0)+float64(steps)*(d+max(-b, 0)))
	}
	return current, potential
}

// sameFiring says whether neurons whose weights, biases and starts are the network's own are known to fire when the
// simulator's do, which adds up in float32.
func sameFiring(r *hw.LayerReport, n *lif, grid int32, highest float64, steps int) bool {
	// The threshold on the grid of potentials, and how far it is from a point of it.
	at := r.Threshold * potentialSteps / r.Scale / float64(grid)
	if math.Ceil(at) != math.Floor(float64(n.Threshold)*(1<<shift)/float64(grid))+1 {
		return false
	}
	const half = 1 << 24 // of the numbers of this size, float32 has every one
	highest /= float64(grid)
	if fraction, _ := math.Frexp(r.Scale); fraction == 0.5 && highest < half {
		return true // nothing is rounded
	}
	margin := min(at-math.Floor(at), math.Ceil(at)-at)
	return margin > 3*float64(steps)*highest/half // a product and two sums a step
}

// newSynapses puts weights [KH][KW][in][out] onto the chip. Padding is the same on both sides there: where the network
// has less before the map than behind it, the kernel gets rows or columns of zeros in front.
func newSynapses(s *hw.Stage, weights []int32) (layerSynapses, error) {
	graded := s.MaxCount > 1
	channels, taps := s.Out.C, len(weights)/s.Out.C
	if s.In.H == 1 && s.In.W == 1 && taps == s.In.C {
		if slices.Max(weights) <= 0 && slices.Min(weights) < -127 {
			return nil, errors.New("a weight of -128 where none is above 0: doubled, it is outside the chip's range")
		}
		dense := make([]int32, len(weights))
		for i := range taps {
			for o := range channels {
				dense[o*taps+i] = 2 * weights[i*channels+o]
			}
		}
		return newDenseSynapses(dense, taps, channels, 8, 0, graded)
	}
	w, err := s.Weighted.Window(s.In)
	if err != nil {
		return nil, err
	}
	side := func(out, in, k, stride, pad int) (padding, zeros int) {
		padding = max(pad, (out-1)*stride+k-in-pad)
		return padding, padding - pad
	}
	var padding, zeros [2]int
	padding[0], zeros[0] = side(w.Out.H, w.In.H, w.KH, w.SH, w.PadTop)
	padding[1], zeros[1] = side(w.Out.W, w.In.W, w.KW, w.SW, w.PadLeft)
	kernel := [2]int{w.KH + zeros[0], w.KW + zeros[1]}
	flipped := make([]int32, channels*kernel[0]*kernel[1]*s.In.C)
	for i := range w.KH {
		for j := range w.KW {
			for k := range s.In.C {
				for o := range channels {
					at := ((o*kernel[0]+w.KH-1-i)*kernel[1]+w.KW-1-j)*s.In.C + k
					flipped[at] = 2 * weights[((i*w.KW+j)*s.In.C+k)*channels+o]
				}
			}
		}
	}
	return newConvSynapses(flipped, [3]int{s.In.H, s.In.W, s.In.C}, channels, kernel, s.Weighted.Stride, padding, graded)
}
