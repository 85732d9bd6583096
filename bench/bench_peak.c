/* bench_peak.c - what the processor can do at best (peak.h), by one thread and by all:
 *
 *     {"bench":"peak","threads":1,"f32_gflops":..,"bf16_gflops":..,"int8_gops":..,
 *      "read_gbs":..}
 */
#include "bench.h"
#include "peak.h"

typedef struct PeakOptions {
    bool smoke;
} PeakOptions;

static const OptField fields[] = {
    OPT_BOOL(PeakOptions, smoke, 0, "one short round"),
    OPT_END,
};
static const OptTable table = {"bench_peak", "what the processor can do at best",
                               sizeof(PeakOptions), fields};

int main(int argc, char **argv)
{
    PeakOptions o;
    bench_options(&table, &o, argc, argv);
    int all = bench_threads(0);
    for (int threads = 1; threads <= all;
         threads += threads < all ? all - threads : 1) {
        Peaks p = peak_measure(threads, o.smoke);
        peak_print(&p);
    }
    return 0;
}
