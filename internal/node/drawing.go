package node

import (
	"fmt"
	"image"
	"strings"

	"github.com/spikeray/spikeray/internal/evidence"
	"github.com/spikeray/spikeray/internal/report"
)

// Explanation are the options of the evidence that a secondary capture shows, for an answer after so many steps, 0 for all.
func Explanation(steps int) evidence.Options {
	return evidence.Options{Positions: 64, Fill: evidence.FillBlur, Steps: steps, Undrawn: true}
}

// opacity of a map over a film where it is strongest: what lies below must still be seen.
const opacity = 0.45

// ColourMemory is at most what making a secondary capture in colour takes, beside its picture.
func ColourMemory(picture *image.Gray) int64 {
	size := picture.Rect.Size()
	// The drawing and the capture, four bytes a pixel; its samples and the file, which grows as it is written, three each.
	return 20*int64(max(size.X, 512))*int64(size.Y+400) + 1<<20
}

// draw has a result's capture show the map, if there is evidence. Where the answer has no map, the capture says why.
func draw(in *report.Input, r Result) {
	if r.Evidence == nil {
		return
	}
	in.Drawing = &report.Drawing{Name: "occlusion", Notice: evidence.Notice}
	o := r.Evidence.Occlusion
	if o == nil {
		in.Drawing.Legend = "No occlusion map: " + reason(r.Evidence)
		return
	}
	positive := "the finding"
	if r.Positive != "" {
		positive = r.Positive
	}
	drawn, scale := o.Over(r.Picture, r.Evidence.Region, evidence.FillBlur, opacity)
	in.Picture = drawn
	in.Drawing.Legend = fmt.Sprintf("Colours: how the answer changes when a part of the film is hidden (occlusion, %d positions). "+
		"Vermillion speaks for %s, blue against it; full colour is %.2f in log-odds.", o.Positions, positive, scale)
}

// reason is why there is no map.
func reason(e *evidence.Evidence) string {
	for _, l := range e.LeftOut {
		if l.Part == "occlusion" {
			return strings.TrimSuffix(l.Reason, ".") + "."
		}
	}
	return "none was made."
}
