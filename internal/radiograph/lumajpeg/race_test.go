//go:build race

package lumajpeg

// stride thins out real pictures under the race detector, which slows decoding twentyfold.
const stride = 10
