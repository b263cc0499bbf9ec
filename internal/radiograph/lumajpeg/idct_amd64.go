//go:build !purego

package lumajpeg

import "golang.org/x/sys/cpu"

//go:generate go run -C asm . -out ../assembly_amd64.s -stubs ../assembly_stubs_amd64.go -pkg lumajpeg

func init() {
	if cpu.X86.HasAVX2 {
		quickTransforms[1], quickTransforms[2] = transform8AVX2, transform4AVX2
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW {
		quickBeside = besideAVX512
	}
}

func besideAVX512(dst []byte, stride int, left, right *block, by *steps) (ok bool) {
	_ = dst[7*stride : 7*stride+16]
	return inverse16x8(&dst[0], stride, &left.coefficient, &right.coefficient, (*[64]uint16)(by))
}

func transform8AVX2(dst []byte, stride int, b *block, by *steps) (loud bool) {
	_ = dst[7*stride : 7*stride+8]
	if b.last == 0 || !inverse8x8(&dst[0], stride, &b.coefficient, (*[64]uint16)(by)) {
		return genericTransforms[1](dst, stride, b, by)
	}
	return false
}

func transform4AVX2(dst []byte, stride int, b *block, by *steps) (loud bool) {
	_ = dst[3*stride : 3*stride+4]
	if b.last == 0 || !inverse4x4(&dst[0], stride, &b.coefficient, (*[64]uint16)(by)) {
		return genericTransforms[2](dst, stride, b, by)
	}
	return false
}
