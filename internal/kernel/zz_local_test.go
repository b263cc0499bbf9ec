package kernel

import ("testing";"time";"fmt";"math/rand/v2";"slices";"os")

func TestZZ(t *testing.T) {
	if os.Getenv("ZZ")=="" { t.Skip() }
	r := rand.New(rand.NewPCG(1,1))
	report := func(name string, f func()) {
		var ds []time.Duration
		for range 400 { s:=time.Now(); f(); ds=append(ds,time.Since(s)) }
		slices.Sort(ds)
		fmt.Printf("%-24s min %v  q10 %v med %v\n", name, ds[0], ds[40], ds[200])
	}
	for _, l := range benchLayers {
		w, _ := NewWindow(l.in, l.k, l.k, 1, 1, false, l.outC)
		layer := newLayer(r, w)
		c, _ := NewInt8Conv(w, layer.weights, layer.scale, layer.bias)
		var ws Workspace
		dst := make([]float32, w.Out.W*w.Out.C)
		report(l.name, func(){ for y := range w.Out.H { c.Row(dst, layer.src, y, &ws) } })
		if l.name=="conv1" {
			report("conv1 open", func(){ for y := range w.Out.H { c.rows.open(layer.src, y, &ws) } })
			v, counts := make([]float32, len(dst)), make([]uint8, len(dst))
			report("conv1+spike", func(){ for y := range w.Out.H { c.Row(dst, layer.src, y, &ws); SpikingReLU(counts, v, dst, 1e-3) } })
			for _, seg := range []int{12,24,48} {
			report(fmt.Sprint("conv1+spike seg", seg), func(){ for y := range w.Out.H { vw := c.rows.open(layer.src, y, &ws); 
				for x := 0; x < w.Out.W; x += seg { n := min(seg, w.Out.W-x); d := dst[:n*100]; c.rows.span(d, vw, x, n); SpikingReLU(counts[x*100:], v[x*100:], d, 1e-3) } } })
			}
			report("spike", func(){ for range w.Out.H { SpikingReLU(counts, v, dst, 1e-3) } })
		}
	}
}
