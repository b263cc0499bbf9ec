package journal

import (
	"crypto/sha256"
	"math"
	"reflect"
	"testing"
	"time"
)

// TestAnotherImplementationsJournalIsRead has one that testdata/golden.py made.
func TestAnotherImplementationsJournalIsRead(t *testing.T) {
	dir := t.TempDir()
	put(t, segmentPath(dir, 1), read(t, "testdata/golden.ndjson"))
	v, all := whole(t, dir)
	if want := []Kind{KindStart, KindAnswer, KindProblem, KindAnswer, KindResume, KindClock, KindStop}; !reflect.DeepEqual(kinds(all), want) || v.Backwards != 1 || v.Cuts != 1 {
		t.Fatalf("%v, %+v", kinds(all), v)
	}
	asked, answer := all[1].Asked, all[1].Answer
	if asked.Input.SHA256 != sha256.Sum256([]byte("the picture")) || *asked.Input.Dataset != sha256.Sum256([]byte("picture")) ||
		*asked.Options.Prevalence != 1e-7 || asked.Options.Bits != 12 || !asked.Options.FilmsOnly || asked.Options.WebP {
		t.Errorf("%+v", asked)
	}
	if *answer.Probability != 0.1 || *answer.RawProbability != math.SmallestNonzeroFloat64 || *answer.LogOdds != -744.4400719213812 ||
		*answer.Spikes != math.MaxUint64 || answer.Warnings[0] != "small: 3 < 4 & \u2028 ü" || answer.Board.Lost != 2 {
		t.Errorf("%+v", answer)
	}
	if p := all[2].Problem; p.Name != "gate-refused" || p.Gate.Reason != "photo" {
		t.Errorf("%+v", p)
	}
	if asked, answer := all[3].Asked, all[3].Answer; !asked.Input.Prepared || asked.Input.Bytes != 12 || !answer.Shortened || answer.Steps != 3 {
		t.Errorf("%+v, %+v", asked, answer)
	}
	// And a writer goes on behind it.
	j := open(t, dir, Options{})
	add(t, j, answered(1))
	closed(t, j)
	if v, all := whole(t, dir); v.Records != 10 || all[7].Prev != all[6].Hash || all[7].Time.Before(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", v)
	}
}
