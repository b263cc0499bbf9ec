package film

import (
	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/kernel"
)

// Functions that a window can have (PS3.3, C.11.2.1.3), and what stands in for a window.
const (
	Linear      = "LINEAR"
	LinearExact = "LINEAR_EXACT"
	Sigmoid     = "SIGMOID"
	LUT         = "LUT"  // a VOI look-up table
	Full        = "FULL" // the range that the samples can have
	Data        = "DATA" // the range that they do have
)

// Window says which values were shown as the greys from black to white.
type Window struct {
	// Function is one of this package's.
	Function string
	// Center and Width are in units of the modality (PS3.3, C.11.2.1.2); 0 for LUT.
	Center, Width float64
}

// readWindow reads the first window of an object, nil where there is none. A warning says why one cannot be used.
func readWindow(d *dicom.Dataset) (*Window, string) {
	if !d.Has(dicom.WindowCenter) && !d.Has(dicom.WindowWidth) {
		return nil, ""
	}
	center, ok := d.Float(dicom.WindowCenter)
	width, okWidth := d.Float(dicom.WindowWidth)
	w := &Window{Function: d.String(dicom.VOILUTFunction), Center: center, Width: width}
	if w.Function == "" {
		w.Function = Linear
	}
	switch {
	case !ok || !okWidth:
		return nil, "window: the window's center or width is missing or no number; the window was not used"
	case w.Function != Linear && w.Function != LinearExact && w.Function != Sigmoid:
		return nil, "window: the window has a function that is unknown; the window was not used"
	case w.Function == Linear && width < 1, width <= 0:
		return nil, "window: the window has a width that it cannot have; the window was not used"
	}
	return w, ""
}

// between is the window from one value to another.
func between(function string, low, high float64) Window {
	return Window{Function: function, Center: (low + high) / 2, Width: high - low}
}

// of is where a value lies between black, 0, and white, 1 (PS3.3, C.11.2.1.2.1 and C.11.2.1.3).
func (w Window) of(v float64) float64 {
	center, width := w.Center, w.Width
	switch w.Function {
	case Sigmoid:
		return kernel.Sigmoid(4 * (v - center) / width)
	case Full, Data:
		return min(max((v-(center-width/2))/width, 0), 1)
	case Linear:
		center, width = center-0.5, width-1
	}
	switch {
	case v <= center-width/2:
		return 0
	case v > center+width/2:
		return 1
	}
	return (v-center)/width + 0.5
}
