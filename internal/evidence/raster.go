package evidence

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spikeray/spikeray/pkg/spike"
)

// The media types of rasters.
const (
	MediaNPZ = "application/zip"
	MediaCSV = "text/csv"
)

// ErrNoRaster says that the spikes of single neurons are not there to be written, or were not asked for.
var ErrNoRaster = errors.New("there is no raster: " +
	"the model has no spiking neurons, too many of them, or a board that does not tell their spikes")

// HasRaster tells whether [Evidence.WriteNPZ] and [Evidence.WriteCSV] have something to write.
func (e *Evidence) HasRaster() bool { return e.rasterSize() > 0 }

// Bytes is how many bytes the spikes of all neurons and the drawings take.
func (e *Evidence) Bytes() int64 {
	n := e.rasterSize()
	for _, p := range e.Pictures {
		n += int64(len(p.PNG))
	}
	return n
}

// rasterSize is how many bytes the spikes of all neurons take.
func (e *Evidence) rasterSize() int64 {
	n := 0
	for _, l := range e.raster {
		n += len(l.Raster.Counts)
	}
	return int64(n)
}

// WriteNPZ writes the spikes of each neuron at each step as NumPy's NPZ: an array of uint8 for each layer, by its name, of shape
// [T][H][W][C], or [H][W][C] where the rows are the steps. The error is [ErrNoRaster] or the writer's.
func (e *Evidence) WriteNPZ(w io.Writer) error {
	if !e.HasRaster() {
		return ErrNoRaster
	}
	out := zip.NewWriter(w)
	for _, l := range e.raster {
		if l.Raster.Counts == nil {
			continue
		}
		array, err := out.CreateHeader(&zip.FileHeader{Name: l.Name + ".npy", Method: zip.Store})
		if err != nil {
			return err
		}
		if _, err := array.Write(append(npyHeader(l.Raster), l.Raster.Counts...)); err != nil {
			return err
		}
	}
	return out.Close()
}

// npyHeader is the header of NumPy's array format, version 1.0 (NEP 1): it ends at a multiple of 64 bytes.
func npyHeader(t spike.Train) []byte {
	shape := fmt.Sprintf("%d, %d, %d", t.Shape.H, t.Shape.W, t.Shape.C)
	if t.Axis == spike.Steps {
		shape = fmt.Sprintf("%d, %s", t.Steps(), shape)
	}
	const before = 10 // magic number, version and length
	text := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }", shape)
	text += strings.Repeat(" ", (64-(before+len(text)+1)%64)%64) + "\n"
	header := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(text)))
	return append(header, text...)
}

// WriteCSV writes a line for each neuron and step with spikes: layer, step from 1, row, column and channel from 0, spikes. Where the
// rows are the steps, step is row + 1. The error is [ErrNoRaster] or the writer's.
func (e *Evidence) WriteCSV(w io.Writer) error {
	if !e.HasRaster() {
		return ErrNoRaster
	}
	out := bufio.NewWriter(w)
	_, _ = out.WriteString("layer,step,row,column,channel,spikes\n") // errors stay with the writer until Flush
	var line []byte
	for _, l := range e.raster {
		s := l.Raster.Shape
		for i, n := range l.Raster.Counts {
			if n == 0 {
				continue
			}
			row := i / (s.W * s.C) % s.H
			step := i / s.Len()
			if l.Raster.Axis == spike.Rows {
				step = row
			}
			line = append(line[:0], l.Name...)
			for _, v := range [...]int{step + 1, row, i / s.C % s.W, i % s.C, int(n)} {
				line = strconv.AppendInt(append(line, ','), int64(v), 10)
			}
			if _, err := out.Write(append(line, '\n')); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}
