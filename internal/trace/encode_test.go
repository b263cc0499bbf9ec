package trace

import "testing"

func FuzzRejected(f *testing.F) {
	f.Add([]byte("\x0a\x04\x08\x01\x12\x00"), 5)
	f.Add([]byte("\x0a\xff\xff\xff\xff\xff\xff"), 5)
	f.Add([]byte("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 5)
	f.Fuzz(func(t *testing.T, response []byte, sent int) {
		sent &= 1<<20 - 1
		if n := rejected(response, sent); n < 0 || n > sent {
			t.Errorf("%d of %d", n, sent)
		}
	})
}
