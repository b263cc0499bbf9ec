package jpeg2000

import (
	"cmp"
	"slices"
)

// packets reads the packets of a tile in their order, B.12, until there are none. A tile may end early, as layers or
// resolutions may be cut off, but not within a packet, and not so that a part of the picture has less than the rest.
func (t *tile) packets(p *params, s *source, budget int64, stop func() error) error {
	changes := p.changes
	if len(changes) == 0 {
		changes = []progression{{
			order: p.order, afterResolution: maxLevels + 1, afterComponent: len(t.components), afterLayer: p.layers,
		}}
	}
	missing, count := false, 0
	for i := range changes {
		c := &changes[i]
		if err := stop(); err != nil {
			return err
		}
		t.sort(c)
		more, err := t.volume(c, min(c.afterLayer, p.layers), func(at uint32) (bool, error) {
			if !s.more() {
				return false, nil
			}
			if count++; count%256 == 0 {
				if err := stop(); err != nil {
					return false, err
				}
			}
			return true, t.packet(&t.precincts[at], p, s, &budget)
		})
		if err != nil {
			return err
		}
		if !more {
			missing = true
			break
		}
	}
	if missing && s.open {
		return damaged("the last tile-part is cut short")
	}
	return t.even()
}

// even tells whether all precincts of a component's resolution have a packet, or none, which those of the lowest must have.
func (t *tile) even() error {
	for i := range t.components {
		for j := range t.components[i].resolutions {
			r := &t.components[i].resolutions[j]
			n, have := int(r.across*r.down), 0
			for k := range t.precincts[r.first : r.first+n] {
				if t.precincts[r.first+k].next > 0 {
					have++
				}
			}
			if have < n && (have > 0 || j == 0) {
				return damaged("packets of %d of %d precincts of resolution %d of a tile", have, n, j)
			}
		}
	}
	return nil
}

// sort puts the precincts of a progression into order: by resolution for those by layer, and by the place of packets for
// the others. It is stable, so precincts of a component's resolution stay in raster order.
func (t *tile) sort(c *progression) {
	t.order = room(t.order, len(t.precincts))
	for i := range t.precincts {
		p := &t.precincts[i]
		if r, k := int(p.resolution), int(p.component); r >= c.firstResolution && r < c.afterResolution &&
			k >= c.firstComponent && k < c.afterComponent {
			t.order = append(t.order, uint32(i))
		}
	}
	slices.SortStableFunc(t.order, func(i, j uint32) int {
		a, b := &t.precincts[i], &t.precincts[j]
		resolution, component := cmp.Compare(a.resolution, b.resolution), cmp.Compare(a.component, b.component)
		place := cmp.Or(cmp.Compare(a.y, b.y), cmp.Compare(a.x, b.x))
		switch c.order {
		case orderRPCL:
			return cmp.Or(resolution, place, component)
		case orderPCRL:
			return cmp.Or(place, component, resolution)
		case orderCPRL:
			return cmp.Or(component, place, resolution)
		}
		return cmp.Or(resolution, component)
	})
}

// volume calls packet for each packet of a progression that was not read before, until it returns false. Layers that were
// read are passed over: those are at most as many as there were packets.
func (t *tile) volume(c *progression, layers int, packet func(precinct uint32) (bool, error)) (more bool, err error) {
	byLayer := func(precincts []uint32) (bool, error) {
		for layer := range layers {
			for _, at := range precincts {
				if int(t.precincts[at].next) == layer {
					if more, err := packet(at); !more || err != nil {
						return false, err
					}
				}
			}
		}
		return true, nil
	}
	switch c.order {
	case orderLRCP:
		if len(t.order) == 0 {
			return true, nil
		}
		return byLayer(t.order)
	case orderRLCP:
		for rest := t.order; len(rest) > 0; {
			n := 1
			for n < len(rest) && t.precincts[rest[n]].resolution == t.precincts[rest[0]].resolution {
				n++
			}
			if more, err := byLayer(rest[:n]); !more || err != nil {
				return false, err
			}
			rest = rest[n:]
		}
		return true, nil
	}
	for _, at := range t.order {
		for int(t.precincts[at].next) < layers {
			if more, err := packet(at); !more || err != nil {
				return false, err
			}
		}
	}
	return true, nil
}
