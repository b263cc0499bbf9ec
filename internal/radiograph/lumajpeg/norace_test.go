//go:build !race

package lumajpeg

const stride = 1
