//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

//go:generate go run -C asm .

var avx512vnni = tier{
	name:        "avx512vnni",
	packInt8:    packInt8VNNI,
	packFloat32: packFloat32AVX512,
	nonzero:     nonzero512,
	spikingReLU: spikingReLU512,
	lif:         lif512,
	graded:      graded512,
	relu:        relu256,

	maxPool2x2:      maxPool512,
	maxPoolFloat2x2: maxPoolFloat256,
}

var avx512bw = tier{
	name:        "avx512bw",
	packInt8:    packInt8BW,
	packFloat32: packFloat32AVX512,
	nonzero:     nonzero512,
	spikingReLU: spikingReLU512,
	lif:         lif512,
	graded:      graded512,
	relu:        relu256,

	maxPool2x2:      maxPool512,
	maxPoolFloat2x2: maxPoolFloat256,
}

var avx2 = tier{
	name:        "avx2",
	packInt8:    packInt8AVX2,
	packFloat32: packFloat32AVX2,
	nonzero:     nonzero256,
	spikingReLU: spikingReLU256,
	lif:         lif256,
	graded:      graded256,
	relu:        relu256,

	maxPool2x2:      maxPool256,
	maxPoolFloat2x2: maxPoolFloat256,
}

// tiers are those that the processor has and the system saves the registers of.
func tiers() []*tier {
	x := &cpu.X86
	if !x.HasAVX2 || !x.HasFMA {
		return []*tier{&generic}
	}
	var list []*tier
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasBMI2 {
		if x.HasAVX512VNNI {
			list = append(list, &avx512vnni)
		}
		list = append(list, &avx512bw)
	}
	return append(list, &avx2, &generic)
}
