#include "net/graph.h"

#include "base/text.h"

char *net_shape_text(const struct net_shape *s, char out[NET_SHAPE_TEXT])
{
    switch (s->form) {
    case NET_SYMBOLS:
        text_brief(out, NET_SHAPE_TEXT, "%zu symbol%s", s->positions, s->positions == 1 ? "" : "s");
        break;
    case NET_SEQUENCE:
        text_brief(out, NET_SHAPE_TEXT, "%zu positions of %zu numbers", s->positions, s->columns);
        break;
    case NET_IMAGE:
        text_brief(out, NET_SHAPE_TEXT, "an image of %zu x %zu x %zu", s->columns, s->height, s->wide);
        break;
    case NET_ROW: text_brief(out, NET_SHAPE_TEXT, "%zu number%s", s->columns, s->columns == 1 ? "" : "s"); break;
    }
    return out;
}
