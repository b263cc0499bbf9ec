package outbox

import (
	"os"
	"testing"
)

func TestDamagedFilesArePutAside(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"empty":             func([]byte) []byte { return nil },
		"cut in the header": func(b []byte) []byte { return b[:30] },
		"cut in the data":   func(b []byte) []byte { return b[:len(b)-6] },
		"longer":            func(b []byte) []byte { return append(b, 0) },
		"another header":    func(b []byte) []byte { b[fixed+3] ^= 1; return b },
		"other data":        func(b []byte) []byte { b[len(b)-7] ^= 1; return b },
		"zeros":             func(b []byte) []byte { clear(b); return b },
		"a huge length":     func(b []byte) []byte { b[len(magic)+4] = 0x7f; return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b, err := Open(dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			put(t, b, item("pacs", "1"), item("pacs", "2"))
			path := b.path(queueDir, keyOf("pacs", "1"))
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, spoil(data), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			b = open(t, dir, Options{})
			p := &peer{}
			stop := run(b, Delivery{Senders: map[string]Sender{"pacs": p}})
			until(t, "the other is delivered", func() bool { return len(p.all()) == 1 && b.State().Damaged == 1 })
			stop()
			if got := p.all(); got[0] != "data of 2" {
				t.Errorf("%q", got)
			}
			if list, err := List(dir); err != nil || len(list) != 1 || list[0].State != StateDamaged {
				t.Errorf("%v, %+v", err, list)
			}
			put(t, b, item("pacs", "1")) // sent again
			if s := b.State(); s.Targets[0].Items != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}
