package model_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/cpu"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/internal/resample"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// TestKernelIsHeededThroughout looks at all that a model holds: the answers would not tell, since they are the same on each.
func TestKernelIsHeededThroughout(t *testing.T) {
	for _, name := range models.Names() {
		file, err := models.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, tier := range append(spike.Kernels(), "") {
			m, err := model.Decode(t.Context(), file, model.DecodeOptions{Kernel: tier})
			if err != nil {
				t.Fatal(err)
			}
			want, err := kernel.Named(tier)
			if err != nil {
				t.Fatal(err)
			}
			if m.Kernel() != want.Name() {
				t.Errorf("%s on %q: it says %s", name, tier, m.Kernel())
			}
			s := search{t: t, what: name + " on " + want.Name(), want: want, seen: map[any]bool{}}
			s.walk(reflect.ValueOf(m))
			if s.tiers < 2 || s.layers < 2 || s.resizers == 0 {
				t.Errorf("%s: only %d tiers, %d layers and %d resizers were found", s.what, s.tiers, s.layers, s.resizers)
			}
			drives := name == "snnxray-int8" && want.Name() == "avx512vnni" && cpu.X86.HasAVX512VBMI && cpu.X86.HasAVX512VBMI2
			if (s.drivers > 0) != drives {
				t.Errorf("%s: its first layer drives the neurons: %v", s.what, !drives)
			}
		}
	}
}

// search finds what is on a tier.
type search struct {
	t                       *testing.T
	what                    string
	want                    kernel.Tier
	seen                    map[any]bool
	tiers, layers, resizers int
	drivers                 int
}

func (s *search) walk(v reflect.Value) {
	switch v.Type() {
	case reflect.TypeFor[kernel.Tier]():
		s.tiers++
		if v.Field(0).Pointer() != reflect.ValueOf(s.want).Field(0).Pointer() {
			s.t.Errorf("%s: something is on another tier", s.what)
		}
		return
	case reflect.TypeFor[resample.Resizer]():
		s.resizers++
		if generic := v.FieldByName("Generic").Bool(); generic != (s.want == kernel.Generic()) {
			s.t.Errorf("%s: pictures are resized in plain Go: %v", s.what, generic)
		}
		return
	case reflect.TypeFor[kernel.Driver](), reflect.TypeFor[kernel.Shower]():
		s.drivers++
	case reflect.TypeFor[kernel.Int8Conv](), reflect.TypeFor[kernel.Float32Conv]():
		s.layers++
		rows := v.FieldByName("rows").Elem()
		switch packed := rows.Type().String(); {
		case packed == "kernel.orderedFloat32":
			if tier := reflect.ValueOf(s.want).Field(0).Elem(); rows.FieldByName("accumulate").Pointer() != tier.FieldByName("accumulate").Pointer() {
				s.t.Errorf("%s: a layer is summed on another tier", s.what)
			}
		case s.want == kernel.Generic() && !strings.HasPrefix(packed, "kernel.generic"):
			s.t.Errorf("%s: a layer is a %s", s.what, packed)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		key := [2]any{v.Type(), v.Pointer()}
		if !v.IsNil() && !s.seen[key] {
			s.seen[key] = true
			s.walk(v.Elem())
		}
	case reflect.Interface:
		if !v.IsNil() {
			s.walk(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			s.walk(v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		if kind := v.Type().Elem().Kind(); kind == reflect.Struct || kind == reflect.Pointer || kind == reflect.Interface {
			for i := range v.Len() {
				s.walk(v.Index(i))
			}
		}
	}
}

func TestUnknownKernel(t *testing.T) {
	file, err := models.Open(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := model.Decode(t.Context(), file, model.DecodeOptions{Kernel: "abacus"}); !errors.Is(err, spike.ErrKernel) {
		t.Errorf("%v, want ErrKernel", err)
	}
}
