//go:build !purego

package lumajpeg

import "golang.org/x/sys/cpu"

//go:generate go run -C asm . -out ../assembly_amd64.s -stubs ../assembly_stubs_amd64.go -pkg lumajpeg

func init() {
	if cpu.X86.HasAVX2 {
		quickTransforms[1], quickTransforms[2] = transform8AVX2, transform4AVX2
	}
}

// transform8AVX2 is transform8 for blocks whose energy is at most maxEnergy.
func transform8AVX2(dst []byte, stride int, b *block) {
	if b.last == 0 {
		fill8(dst, stride, int32(b.coefficient[0]))
		return
	}
	_ = dst[7*stride : 7*stride+8]
	inverse8x8(&dst[0], stride, &b.coefficient)
}

// transform4AVX2 is transform4 for blocks whose energy is at most maxEnergy.
func transform4AVX2(dst []byte, stride int, b *block) {
	if b.last == 0 {
		fill(dst, stride, 4, int32(b.coefficient[0]))
		return
	}
	_ = dst[3*stride : 3*stride+4]
	inverse4x4(&dst[0], stride, &b.coefficient)
}
