package codectest

import "testing"

// Benchmark times decode, which must be able to decode a picture of so many samples. It returns the samples.
func Benchmark(b *testing.B, samples int, decode func(to []uint16) error) []uint16 {
	b.Helper()
	to := make([]uint16, samples)
	b.SetBytes(int64(2 * samples))
	b.ReportAllocs()
	for b.Loop() {
		if err := decode(to); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*samples), "ns/sample")
	return to
}
