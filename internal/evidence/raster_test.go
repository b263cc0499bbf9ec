package evidence

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// The headers that NumPy 2 writes for arrays of these shapes: numpy.lib.format.write_array_header_1_0(file,
// {'descr': '|u1', 'fortran_order': False, 'shape': (2, 7, 7, 4)}).
const (
	headerSteps = "\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (2, 7, 7, 4), }                                                    \n"
	headerRows  = "\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (14, 14, 4), }                                                     \n"
)

func TestArraysHaveTheHeadersOfNumPy(t *testing.T) {
	for want, train := range map[string]spike.Train{
		headerSteps: {Axis: spike.Steps, Shape: spike.Shape{H: 7, W: 7, C: 4}, Counts: make([]uint8, 2*7*7*4)},
		headerRows:  {Axis: spike.Rows, Shape: spike.Shape{H: 14, W: 14, C: 4}, Counts: make([]uint8, 14*14*4)},
	} {
		if got := string(npyHeader(train)); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}

// TestRastersHoldTheSpikes: each file has those that were counted, each in its place.
func TestRastersHoldTheSpikes(t *testing.T) {
	for _, m := range []*model.Model{testmodel.Steps(t, 3), testmodel.Rows(t)} {
		e := explain(t, m, picture(m, 2), Options{Raster: true, SpikesOnly: true})
		var npz, table bytes.Buffer
		if err := errors.Join(e.WriteNPZ(&npz), e.WriteCSV(&table)); err != nil {
			t.Fatal(err)
		}
		archive, err := zip.NewReader(bytes.NewReader(npz.Bytes()), int64(npz.Len()))
		if err != nil || len(archive.File) != 2 {
			t.Fatalf("%d arrays, %v", len(archive.File), err)
		}
		arrays := map[string][]byte{}
		for i, f := range archive.File {
			open, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(open)
			header := npyHeader(e.raster[i].Raster)
			if err != nil || f.Method != zip.Store || f.Name != e.raster[i].Name+".npy" || !bytes.HasPrefix(data, header) {
				t.Fatalf("%s, method %d: %.80q, %v", f.Name, f.Method, data, err)
			}
			arrays[e.raster[i].Name] = data[len(header):]
		}
		lines, err := csv.NewReader(&table).ReadAll()
		if err != nil || len(lines) < 10 {
			t.Fatalf("%d lines, %v", len(lines), err)
		}
		for _, l := range e.Spikes.Layers {
			counts := arrays[l.Name]
			sum := uint64(0)
			for _, n := range counts {
				sum += uint64(n)
			}
			told, channels := uint64(0), uint64(0)
			for s, n := range l.Steps {
				told += n
				for _, c := range l.ByChannel[s] {
					channels += c
				}
			}
			if sum == 0 || sum != told || sum != channels {
				t.Errorf("%s: %d spikes in the array, %d by step, %d by channel", l.Name, sum, told, channels)
			}
			if want := float64(sum) / float64(len(counts)); l.Rate != want {
				t.Errorf("%s: a rate of %v, expected %v", l.Name, l.Rate, want)
			}
			for _, line := range lines[1:] {
				if line[0] != l.Name {
					continue
				}
				var v [5]int
				for i := range v {
					v[i], _ = strconv.Atoi(line[i+1])
				}
				step, row, column, channel, n := v[0]-1, v[1], v[2], v[3], v[4]
				at := (row*l.Width+column)*l.Channels + channel
				if m.MaxSteps() > 0 {
					at += step * l.Height * l.Width * l.Channels
				} else if step != row {
					t.Fatalf("%v: the rows are the steps", line)
				}
				if n == 0 || int(counts[at]) != n {
					t.Fatalf("%v: the array has %d", line, counts[at])
				}
				counts[at] = 0
			}
			if bytes.Count(counts, []byte{0}) != len(counts) {
				t.Errorf("%s: the table has not all spikes", l.Name)
			}
		}
	}
}

func TestWhatHasNoRasterSaysSo(t *testing.T) {
	steps := testmodel.Steps(t, 2)
	plain := testmodel.Plain(t)
	for name, e := range map[string]*Evidence{
		"not asked for": explain(t, steps, picture(steps, 1), Options{SpikesOnly: true}),
		"no neurons":    explain(t, plain, picture(plain, 1), Options{SpikesOnly: true, Raster: true}),
	} {
		if e.HasRaster() || !errors.Is(e.WriteNPZ(io.Discard), ErrNoRaster) || !errors.Is(e.WriteCSV(io.Discard), ErrNoRaster) {
			t.Errorf("%s: there is a raster", name)
		}
	}
	broken := explain(t, steps, picture(steps, 1), Options{SpikesOnly: true, Raster: true})
	full := full{}
	if err := broken.WriteNPZ(full); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("npz: %v", err)
	}
	if err := broken.WriteCSV(full); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("csv: %v", err)
	}
}

// full takes nothing more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
