/* Purpose: structs and unions, by value, by pointer, nested and linked.
 * Exports: point_*, options_*, segment_middle, number_bits*, list_sum.
 * Used by: tests of structs. */
#include "structs.h"

#include <stddef.h>

Point
point_add(Point a, Point b)
{
    return (Point){a.x + b.x, a.y + b.y};
}

void
point_scale(Point *p, double k)
{
    p->x *= k;
    p->y *= k;
}

int
options_level(const Options *opts)
{
    return opts == NULL ? -1 : opts->level;
}

double
options_total(const Options *opts)
{
    return opts->weights[0] + opts->weights[1] + opts->weights[2];
}

Point
segment_middle(Segment segment)
{
    return (Point){(segment.from.x + segment.to.x) / 2,
                   (segment.from.y + segment.to.y) / 2};
}

uint64_t
number_bits(const Number *number)
{
    return number->bits;
}

uint64_t
number_bits_by_value(Number number)
{
    return number.bits;
}

int
list_sum(const Node *head)
{
    int sum = 0;
    for (const Node *node = head; node != NULL; node = node->next) {
        sum += node->value;
    }
    return sum;
}
