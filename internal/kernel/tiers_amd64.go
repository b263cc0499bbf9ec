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
		return []*tier{&plain}
	}
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VNNI && x.HasBMI2 {
		return []*tier{&avx512vnni, &avx2, &plain}
	}
	return []*tier{&avx2, &plain}
}
