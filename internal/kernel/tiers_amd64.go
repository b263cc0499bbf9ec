//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

//go:generate go run -C asm . -part int8_avx512vnni -out ../int8_avx512vnni_amd64.s -stubs ../int8_avx512vnni_stubs_amd64.go -pkg kernel
//go:generate go run -C asm . -part int8_narrow_avx512vnni -out ../int8_narrow_avx512vnni_amd64.s -stubs ../int8_narrow_avx512vnni_stubs_amd64.go -pkg kernel
//go:generate go run -C asm . -part int8_gather -out ../int8_gather_amd64.s -stubs ../int8_gather_stubs_amd64.go -pkg kernel
//go:generate go run -C asm . -part neuron_avx512 -out ../neuron_avx512_amd64.s -stubs ../neuron_avx512_stubs_amd64.go -pkg kernel
//go:generate go run -C asm . -part bytes_avx512 -out ../bytes_avx512_amd64.s -stubs ../bytes_avx512_stubs_amd64.go -pkg kernel

var avx512vnni = tier{
	name:        "avx512vnni",
	packInt8:    packInt8VNNI,
	byteSum:     byteSum512,
	spikingReLU: spikingReLU512,
	lif:         lif512,
	maxPool2x2:  maxPool512,
}

// tiers are those that the processor has and the system saves the registers of.
func tiers() []*tier {
	var list []*tier
	x := &cpu.X86
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VNNI && x.HasBMI2 {
		list = append(list, &avx512vnni)
	}
	return append(list, &plain)
}
