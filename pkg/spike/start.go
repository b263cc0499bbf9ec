package spike

import (
	"fmt"
	"math"
)

// StartKind says how the starting voltages of a layer are set.
type StartKind string

const (
	StartConstant StartKind = "constant" // every neuron starts at Value
	StartUniform  StartKind = "uniform"  // drawn from [0, 1), output by output of SplitMix64 from Seed
)

// Start is the membrane potential before the first step. It is part of a model, so that the same picture always has
// the same answer.
type Start struct {
	Kind  StartKind
	Value float32
	Seed  uint64
}

func (s Start) check() error {
	switch s.Kind {
	case StartConstant:
		if v := float64(s.Value); math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("start value is %v, must be a finite number", v)
		}
		return nil
	case StartUniform:
		return nil
	}
	return fmt.Errorf("start kind %q is unknown", s.Kind)
}

// Fill sets the voltages of all neurons of a layer, in C order.
func (s Start) Fill(v []float32) {
	if s.Kind == StartConstant {
		for i := range v {
			v[i] = s.Value
		}
		return
	}
	for i := range v {
		v[i] = voltage(s.Seed, uint64(i))
	}
}

// voltage is the i-th starting voltage (from 0) of a seed, in [0, 1): output i of SplitMix64 (Steele, Lea and Flood,
// "Fast splittable pseudorandom number generators", 2014), its upper 24 bits as a fraction. training/spikeray/modelfile/voltage.py
// draws the same.
func voltage(seed, i uint64) float32 {
	z := seed + (i+1)*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return float32((z^z>>31)>>40) / (1 << 24)
}
