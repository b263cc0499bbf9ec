package loihi

import "github.com/spikeray/spikeray/pkg/spike"

// Chip holds the limits within which a network is placed. A limit of 0 is not public, and is not checked.
//
// How synapses are packed in a core's memory is not public. Every connection is counted with the eight bits of its
// weight, the connections of a convolution one by one: chips and tools that share kernels or leave out zeros need less,
// and indices need more.
type Chip struct {
	Name        string
	Cores       int // of one chip
	CoreNeurons int
	// CoreSynapses is connections of eight bits.
	CoreSynapses int
	// CoreInputs is the number of axons into a core, one for each neuron that sends spikes to it. CoreOutputs is the number
	// of axons out of a core, one for each pair of a neuron of the core and a core that receives its spikes.
	CoreInputs, CoreOutputs int
	// Graded says that a spike can carry a number.
	Graded bool
}

// Loihi1 has 128 cores of 1,024 neurons (Davies et al., "Loihi: a neuromorphic manycore processor with on-chip
// learning", IEEE Micro 38(1), 2018). The 4,096 axons in, 4,096 out and 2^20 bits of synapses of a core are those that
// Nengo Loihi 1.0 checks (nengo_loihi/block.py).
var Loihi1 = Chip{Name: "loihi1", Cores: 128, CoreNeurons: 1024, CoreSynapses: 1 << 17, CoreInputs: 4096, CoreOutputs: 4096}

// Loihi2 has 128 cores, up to a million neurons and 120 million synapses (Intel, "Taking neuromorphic computing to the
// next level with Loihi 2", technology brief, 2021). A core is given an even share of both; how far one may take more
// than its share, and its axons, are not public.
var Loihi2 = Chip{Name: "loihi2", Cores: 128, CoreNeurons: 8192, CoreSynapses: 120_000_000 / 128, Graded: true}

// mapping gives the neurons of a layer to cores.
type mapping struct {
	// window over the incoming map: the first row and column that output (y, x) reads are y*stride - pad.
	in, out                  spike.Shape
	kernel, stride, paddings [2]int
}

// cores fills one core after another with the layer's neurons, in order, until a limit is met. readers is for each
// position of the layer's own map the cores that hear of it (nil: none); the result has the same for the positions of
// the incoming map. It reports false for a neuron that no core can take.
func (m *mapping) cores(chip Chip, readers []int) (count int, heard []int, ok bool) {
	heard = make([]int, m.in.H*m.in.W)
	last := make([]int, len(heard)) // the last core, from 1, that hears of a position
	neurons, synapses, inputs, outputs := 0, 0, 0, 0
	for y := range m.out.H {
		for x := range m.out.W {
			out := 0
			switch {
			case len(readers) == m.out.H*m.out.W:
				out = readers[y*m.out.W+x]
			case len(readers) > 0: // the next layer sees this map flattened
				out = readers[0]
			}
			for range m.out.C {
				fan, fresh := m.hear(y, x, last, count)
				over := func(used, more, limit int) bool { return limit > 0 && used+more > limit }
				if count == 0 || over(neurons, 1, chip.CoreNeurons) || over(synapses, fan, chip.CoreSynapses) ||
					over(inputs, fresh, chip.CoreInputs) || over(outputs, out, chip.CoreOutputs) {
					count++
					neurons, synapses, inputs, outputs = 0, 0, 0, 0
					fresh = fan
					if over(0, fan, chip.CoreSynapses) || over(0, fresh, chip.CoreInputs) || over(0, out, chip.CoreOutputs) {
						return 0, nil, false
					}
				}
				if fresh > 0 {
					m.mark(y, x, last, heard, count)
				}
				neurons++
				synapses += fan
				inputs += fresh
				outputs += out
			}
		}
	}
	return count, heard, true
}

// hear counts the neurons that output (y, x) reads, and those of them that the core does not hear of yet.
func (m *mapping) hear(y, x int, last []int, core int) (all, fresh int) {
	m.each(y, x, func(at int) {
		all += m.in.C
		if last[at] != core {
			fresh += m.in.C
		}
	})
	return all, fresh
}

func (m *mapping) mark(y, x int, last, heard []int, core int) {
	m.each(y, x, func(at int) {
		if last[at] != core {
			last[at] = core
			heard[at]++
		}
	})
}

func (m *mapping) each(y, x int, visit func(at int)) {
	for i := range m.kernel[0] {
		row := y*m.stride[0] - m.paddings[0] + i
		if row < 0 || row >= m.in.H {
			continue
		}
		for j := range m.kernel[1] {
			if col := x*m.stride[1] - m.paddings[1] + j; col >= 0 && col < m.in.W {
				visit(row*m.in.W + col)
			}
		}
	}
}
