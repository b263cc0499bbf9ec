package model

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/spikeray/spikeray/internal/kernel"
)

// tiers are all that this processor has.
func tiers(t *testing.T) (all []kernel.Tier) {
	for _, name := range kernel.Available() {
		tier, err := kernel.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tier)
	}
	return all
}

// TestWindowIsPythons: testdata/golden.py wrote the pictures through spikeray.modelfile.window.
func TestWindowIsPythons(t *testing.T) {
	text, err := os.ReadFile("testdata/windows.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Window
		Picture, Windowed []byte
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) == 0 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for i, c := range cases {
		if err := c.check(); err != nil {
			t.Errorf("case %d: %v", i, err)
		}
		for _, tier := range tiers(t) {
			got := make([]uint8, len(c.Picture))
			if c.apply(tier, got, c.Picture); !bytes.Equal(got, c.Windowed) {
				t.Errorf("case %d, %+v of %v on %s: %v, want %v", i, c.Window, c.Picture, tier.Name(), got, c.Windowed)
			}
		}
	}
}

// TestWindowOfTheLargestPicture has the most pixels that a preparation can, where sums of shares are largest.
func TestWindowOfTheLargestPicture(t *testing.T) {
	picture, got := make([]uint8, maxSide*maxSide), make([]uint8, maxSide*maxSide)
	for i := range picture {
		picture[i] = 100 + uint8(i%2)*100
	}
	// From 99.5 to 200.5, 101 levels.
	w := Window{Low: 0, High: windowShares, Least: 1}
	w.apply(kernel.Preferred(), got, picture)
	// By hand: (0.5*255 + 101/2) / 101 and (100.5*255 + 101/2) / 101, rounded down.
	if got[0] != 1 || got[1] != 254 {
		t.Errorf("100 becomes %d and 200 becomes %d, want 1 and 254", got[0], got[1])
	}
}

// FuzzWindow holds windows to what all of them are: they keep the order of greys and are no narrower than said.
func FuzzWindow(f *testing.F) {
	f.Add([]byte{0, 255}, uint16(0), uint16(65535), uint8(1))
	f.Add([]byte{7}, uint16(1311), uint16(62914), uint8(16))
	f.Fuzz(func(t *testing.T, picture []byte, low, more uint16, least uint8) {
		w := Window{Low: int(low), High: int(low) + 1 + int(more), Least: int(least)}
		if w.check() != nil || len(picture) == 0 {
			return
		}
		got, plain := make([]uint8, len(picture)), make([]uint8, len(picture))
		w.apply(kernel.Preferred(), got, picture)
		if w.apply(kernel.Generic(), plain, picture); !bytes.Equal(got, plain) {
			t.Fatalf("%v becomes %v, in plain Go %v", picture, got, plain)
		}
		for i, p := range picture {
			for j, q := range picture[:min(i, 50)] {
				apart, were := int(got[i])-int(got[j]), int(p)-int(q)
				if were >= 0 && (apart < 0 || apart > were*maxPixel/w.Least+1) {
					t.Fatalf("%d becomes %d and %d becomes %d, with a window of at least %d", p, got[i], q, got[j], w.Least)
				}
			}
		}
	})
}
