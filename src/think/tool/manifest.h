/* manifest.h - people's own tools, from a YAML file:
 *
 *     tools:
 *       - name: forecast
 *         description: the weather of a town for some days
 *         parameters:                     # JSON Schema, as YAML
 *           type: object
 *           properties:
 *             town: {type: string}
 *             days: {type: integer, minimum: 1, maximum: 7}
 *           required: [town]
 *         argument: town                  # forecast(Lamford) means {"town": "Lamford"}
 *         command: [./forecast.py, --days, "{days}", --, "{town}"]
 *         limits: {seconds: 5, memory_mb: 256, processes: 8, file_mb: 1}
 *         read: [data]                    # what it may read beside the system
 *         write: []                       # and change
 *         network: false
 *         variables: [API_KEY]            # of the environment, passed on
 *     servers:                            # MCP, see mcp.h
 *       - name: files
 *         command: [mcp-files, --root, /srv/docs]
 *
 * Paths are relative to the manifest's folder. A command is run without a shell
 * (sandbox.h): its words are its arguments, and a word that is {parameter} becomes the
 * value of that parameter: a list becomes a word an item, an object its JSON. Of a
 * parameter that is not given the word is left out, and so is an option in front of it
 * ("--days"). A value that begins with '-' is refused unless an option or "--" stands in
 * front of it, so that no value can pass for an option. */
#ifndef THINK_TOOL_MANIFEST_H
#define THINK_TOOL_MANIFEST_H

#include "think/tool/sandbox.h"
#include "think/tool/tool.h"

typedef struct ManifestTool {
    char *name, *description, *argument;
    json_t *parameters, *command; /* command: a list of strings, at least one */
    Sandbox sandbox;              /* owned; paths as they stand in the file */
} ManifestTool;

typedef struct ManifestServer {
    char *name;
    json_t *command; /* as above */
} ManifestServer;

typedef struct Manifest {
    ManifestTool *tools;
    ManifestServer *servers;
    size_t n_tools, cap_tools, n_servers, cap_servers;
} Manifest;

/* Pure. ERR_FORMAT and ERR_OPTION name the tool and what is wrong with it. */
NODISCARD Status manifest_parse(Span yaml, Manifest *out, Err *err);
void manifest_release(Manifest *m); /* accepts zeroed */
/* The words that a call runs, a NULL-ended list of owned strings: free with words_free.
 * ERR_FORMAT: a value that cannot be a word here, said for the model. */
NODISCARD Status manifest_words(const json_t *command, const json_t *arguments,
                                char ***out, Err *err);
void words_free(char **words); /* accepts NULL */

/* Adds the tools of the manifest, whose tools are taken out of it, to the box. folder: of
 * its file; relative paths begin there. ERR_OPTION also where there is no sandbox. */
NODISCARD Status manifest_add(Manifest *m, const char *folder, Toolbox *box, Err *err);

#endif
