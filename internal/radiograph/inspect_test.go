package radiograph

import "testing"

// BenchmarkInspect tells what reading the headers of an ordinary upload costs, its format's recognition included.
func BenchmarkInspect(b *testing.B) {
	for name, data := range map[string][]byte{"JPEG": asJPEG(b, greyRamp()), "PNG": asPNG(b, greyRamp())} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Inspect(data, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
