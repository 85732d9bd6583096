// floor: think
/* fuzz_endpoint.c - an address that is accepted has a scheme, a host and no secret, and read
 * again it is the same; urls made of it begin with it. */
#include "think/lm/endpoint.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    EndpointOptions o = {0}, again = {0};
    ASSERT(opt_defaults(&endpoint_options, &o, &err) == OK);
    ASSERT(opt_defaults(&endpoint_options, &again, &err) == OK);
    Status status = endpoint_from_address((Span){(const char *)data, size}, &o, &err);
    if (status == OK) {
        Str url = {0};
        ASSERT(strncmp(o.endpoint, "http", 4) == 0 && !strchr(o.endpoint, '#'));
        ASSERT(!strchr(o.endpoint, '@') && (!o.model || o.model[0]));
        ASSERT(endpoint_from_address(span_of(o.endpoint), &again, &err) == OK);
        ASSERT(strcmp(again.endpoint, o.endpoint) == 0);
        endpoint_url(o.endpoint, "/models", &url);
        ASSERT(url.len == strlen(o.endpoint) + 7);
        str_release(&url);
    } else {
        ASSERT(err.code == status && err.msg[0]);
    }
    opt_release(&endpoint_options, &o);
    opt_release(&endpoint_options, &again);
    return 0;
}
