package outbox

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestTheMemoryOfDeliveriesIsBounded(t *testing.T) {
	dir := t.TempDir()
	d, err := openDelivered(dir, 80)
	if err != nil {
		t.Fatal(err)
	}
	key := func(i int) Key { return keyOf("pacs", fmt.Sprint(i)) }
	const n = 500
	check := func() {
		t.Helper()
		for i := range n {
			if d.has(key(i)) != (i >= n-80+(n-80)%10) {
				t.Fatalf("%d of %d: %v", i, n, d.has(key(i)))
			}
		}
	}
	for i := range n {
		if err := d.add(key(i)); err != nil {
			t.Fatal(err)
		}
		if !d.has(key(i)) {
			t.Fatal(i)
		}
	}
	check()
	_ = d.file.Close()
	if d, err = openDelivered(dir, 80); err != nil {
		t.Fatal(err)
	}
	check()
	// A torn record is passed over and written over.
	if err := os.Truncate(filepath.Join(dir, d.name(d.number)), d.length-5); err != nil {
		t.Fatal(err)
	}
	_ = d.file.Close()
	if d, err = openDelivered(dir, 80); err != nil || d.has(key(n-1)) || !d.has(key(n-2)) {
		t.Fatal(err, d.has(key(n-1)), d.has(key(n-2)))
	}
	if err := d.add(key(n)); err != nil {
		t.Fatal(err)
	}
	_ = d.file.Close()
	if d, err = openDelivered(dir, 80); err != nil || !d.has(key(n)) {
		t.Fatal(err)
	}
	_ = d.file.Close()
	if files, _ := os.ReadDir(dir); len(files) > segments {
		t.Errorf("%d files", len(files))
	}
}
