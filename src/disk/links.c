#include "disk/links.h"
#include "base/buf.h"
#include "disk/file.h"
#include "disk/h5.h"
#include "disk/shape.h"

#include <string.h>

/* Objects are reached by hard links alone, each by one: no other file is opened, nothing goes in circles, and no two
 * names share their bytes. */

enum { DEEP = 8 }; /* families/F/measures/ENTRY/NAME is half of that */

struct walk {
    struct disk *d;
    const char *base; /* of the paths, for messages */
    struct buf path;
    link_visit *visit;
    void *ctx;
    size_t depth;
    struct err *e;
};

static herr_t refuse(struct walk *w, const char *what)
{
    return err_at(w->e, ERR_STORE, w->d->path, NOWHERE, NULL, "%s%s %s", w->base, buf_chars(&w->path), what);
}

static const char *link_fault(H5L_type_t type)
{
    if (type == H5L_TYPE_HARD) return NULL;
    if (type == H5L_TYPE_EXTERNAL) return "is a link to another file: a store has no links but hard ones";
    return "is a soft or user-defined link: a store has no links but hard ones";
}

static bool has_one_name(hid_t object)
{
    H5O_info_t info;
#if H5_VERSION_GE(1, 12, 0)
    return H5Oget_info3(object, &info, H5O_INFO_BASIC) >= 0 && info.rc == 1;
#elif H5_VERSION_GE(1, 10, 3)
    return H5Oget_info2(object, &info, H5O_INFO_BASIC) >= 0 && info.rc == 1;
#else
    return H5Oget_info(object, &info) >= 0 && info.rc == 1;
#endif
}

static herr_t on_link(hid_t group, const char *name, const H5L_info_t *info, void *ctx);

static int see_object(struct walk *w, hid_t object)
{
    const H5I_type_t type = H5Iget_type(object);
    const struct link_object at = { object, buf_chars(&w->path), w->depth, type == H5I_DATASET };
    const char *fault = at.dataset ? shape_fault(w->d->file, object) : NULL;
    if (fault) return refuse(w, fault);
    if (type != H5I_DATASET && type != H5I_GROUP) return refuse(w, "is neither a group nor a dataset");
    const int into = w->visit(w->ctx, &at, w->e);
    if (into < 0) return w->e->kind ? -1 : refuse(w, "is damaged");
    if (at.dataset || into == LINK_PAST) return 0;
    if (w->depth == DEEP) return refuse(w, "lies deeper than anything in a store");
    w->depth++;
    const herr_t rc = H5Literate(object, H5_INDEX_NAME, H5_ITER_INC, NULL, on_link, w);
    w->depth--;
    return rc < 0 ? -1 : 0;
}

static herr_t on_link(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    struct walk *w = ctx;
    const size_t before = w->path.length;
    buf_print(&w->path, "%s%s", before ? "/" : "", name);
    const char *fault = link_fault(info->type);
    const hid_t object = fault ? H5I_INVALID_HID : H5Oopen(group, name, H5P_DEFAULT);
    int rc = 0;
    if (fault)
        rc = refuse(w, fault);
    else if (object < 0)
        rc = h5_error(w->e, ERR_STORE, w->d->path, "cannot open %s%s", w->base, buf_chars(&w->path));
    else
        rc = has_one_name(object) ? see_object(w, object) : refuse(w, "has a second name somewhere in the store");
    if (object >= 0) H5Oclose(object);
    buf_cut(&w->path, before);
    return rc;
}

int links_walk(struct disk *d, hid_t group, const char *base, link_visit *visit, void *ctx, struct err *e)
{
    struct walk w = { .d = d, .base = base, .visit = visit, .ctx = ctx, .e = e };
    const herr_t rc = H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, on_link, &w);
    buf_release(&w.path);
    if (rc >= 0) return 0;
    return e->kind ? -1 : h5_error(e, ERR_STORE, d->path, "cannot read %s", base);
}
