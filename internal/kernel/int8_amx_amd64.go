//go:build !purego

package kernel

// amxInt8 is a vnniInt8 for processors with AMX, whose tiles take all inputs of a layer sooner than events take more than a few.
type amxInt8 struct {
	vnniInt8
	tiles *tileConv   // for several steps; nil where that does not pay
	rows  *tileHalves // for one; likewise
}

// tilesWorth is from which share of the messages that all inputs together would send it is quicker to take all inputs than events.
const tilesWorth = 0.015

func packInt8AMX(c *Int8Conv, weights []int8) int8Rows {
	tiles := newTileConv(c, weights)
	return &amxInt8{*packInt8VNNI(c, weights).(*vnniInt8), tiles, newTileHalves(tiles)}
}

func (p *amxInt8) row(dst []float32, src []uint8, y int, ws *Workspace) {
	if p.rows == nil {
		p.vnniInt8.row(dst, src, y, ws)
		return
	}
	p.rows.row(dst, src, y, ws)
}

// withoutSilent leaves nothing out of what tiles take: finding the silent channels would take as long as they do.
func (p *amxInt8) withoutSilent(src []uint8, ws *Workspace) (*Int8Conv, []uint8) {
	if p.rows == nil {
		return p.vnniInt8.withoutSilent(src, ws)
	}
	return p.Int8Conv, src
}

func (p *amxInt8) listen(src []uint8, steps int, memory *eventMemory) (events, uint64) {
	if p.tiles == nil || steps < 2 {
		return p.vnniInt8.listen(src, steps, memory)
	}
	w, fans := &p.window, &p.cover
	line := w.In.W * w.In.C
	var messages uint64
	for i := range steps {
		for y, fan := range fans.rows {
			messages += messages512(src[i*w.In.Len()+y*line:][:line], w.In.C, fans.columns) * uint64(fan)
		}
	}
	all := steps * w.Out.H * w.Out.W * w.KH * w.KW * w.In.C
	if float64(messages) < tilesWorth*float64(all) {
		if e, sent := p.vnniInt8.listen(src, steps, memory); e != nil {
			return e, sent
		}
	}
	t, ok := memory.tiles.(*tileMemory)
	if !ok {
		t = new(tileMemory)
		memory.tiles = t
	}
	t.open(p.tiles, src, steps)
	return t, messages
}
