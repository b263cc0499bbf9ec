package dimse

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
)

// many stores objects through associations at a time and tells how many came a second.
func many(t testing.TB, objects, associations, pixels int) float64 {
	var mu sync.Mutex
	seen := map[string]int{}
	s := &Server{}
	s.Store = func(_ context.Context, o Object) (Status, string) {
		mu.Lock()
		defer mu.Unlock()
		seen[o.SOPInstance]++
		return Success, ""
	}
	peer := started(t, s)
	begin := time.Now()
	var group sync.WaitGroup
	for n := range associations {
		group.Go(func() {
			a, err := Dial(context.Background(), peer, StorageContext(dicom.SecondaryCaptureImage))
			if err != nil {
				t.Error(err)
				return
			}
			for i := n; i < objects; i += associations {
				d := sample(i, pixels)
				if _, err := a.Store(context.Background(), d, dicom.SecondaryCaptureImage, d.String(dicom.SOPInstanceUID)); err != nil {
					t.Error(err)
					return
				}
			}
			if err := a.Release(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	took := time.Since(begin)
	if len(seen) != objects {
		t.Errorf("%d of %d objects came", len(seen), objects)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
	return float64(objects) / took.Seconds()
}

func TestAThousandObjects(t *testing.T) {
	for _, associations := range []int{1, 8} {
		rate := many(t, 1000, associations, 4096)
		t.Logf("1000 objects of 4 KiB through %d associations: %.0f a second", associations, rate)
	}
}

func BenchmarkStore(b *testing.B) {
	for _, c := range []struct{ associations, pixels int }{{1, 4 << 10}, {8, 4 << 10}, {1, 8 << 20}, {8, 8 << 20}} {
		b.Run(fmt.Sprintf("associations=%d/bytes=%d", c.associations, c.pixels), func(b *testing.B) {
			b.SetBytes(int64(c.pixels))
			rate := many(b, b.N, c.associations, c.pixels)
			b.ReportMetric(rate, "objects/s")
		})
	}
}
