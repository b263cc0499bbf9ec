//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

//go:generate go run -C asm .

// The tiers of AVX-512 differ in how whole numbers are multiplied.
var (
	avx512vnni = avx512("avx512vnni", packInt8VNNI)
	avx512bw   = avx512("avx512bw", packInt8BW)
)

func avx512(name string, packInt8 func(*Int8Conv, []int8) int8Rows) tier {
	return tier{
		name:        name,
		packInt8:    packInt8,
		packFloat32: packFloat32AVX512,
		accumulate:  accumulate512,
		nonzero:     nonzero512,
		spikingReLU: spikingReLU512,
		lif:         lif512,
		graded:      graded512,
		relu:        relu256,

		maxPool2x2:      maxPool512,
		maxPoolFloat2x2: maxPoolFloat256,

		greys: greys512,
	}
}

var avx2 = tier{
	name:        "avx2",
	packInt8:    packInt8AVX2,
	packFloat32: packFloat32AVX2,
	accumulate:  accumulateGeneric,
	nonzero:     nonzero256,
	spikingReLU: spikingReLU256,
	lif:         lif256,
	graded:      graded256,
	relu:        relu256,

	maxPool2x2:      maxPool256,
	maxPoolFloat2x2: maxPoolFloat256,

	greys: greysGeneric,
}

// avx512Needs is what the tiers of AVX-512 ask of a processor, VNNI apart, by the names that the assembly's files say it by.
var avx512Needs = []struct {
	name string
	has  *bool
}{
	{"AVX512F", &cpu.X86.HasAVX512F}, {"AVX512BW", &cpu.X86.HasAVX512BW}, {"AVX512DQ", &cpu.X86.HasAVX512DQ}, {"AVX512VL", &cpu.X86.HasAVX512VL},
	{"BMI2", &cpu.X86.HasBMI2}, {"POPCNT", &cpu.X86.HasPOPCNT}, {"AVX", &cpu.X86.HasAVX}, {"AVX2", &cpu.X86.HasAVX2}, {"FMA3", &cpu.X86.HasFMA},
}

// tiers are those that the processor has and the system saves the registers of.
func tiers() []*tier {
	x := &cpu.X86
	if !x.HasAVX2 || !x.HasFMA {
		return []*tier{&generic}
	}
	for _, need := range avx512Needs {
		if !*need.has {
			return []*tier{&avx2, &generic}
		}
	}
	if x.HasAVX512VNNI {
		return []*tier{&avx512vnni, &avx512bw, &avx2, &generic}
	}
	return []*tier{&avx512bw, &avx2, &generic}
}
