//go:build !amd64 || purego

package lumajpeg

const hasQuickBlock = false

func (k *coder) quick(*bitReader, []byte, []block) (done, next, last int) {
	panic("lumajpeg: there is no assembly for this processor")
}
