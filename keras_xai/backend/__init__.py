"""The one place that knows a framework: compile, differentiate, read back, guard the random states.

Everything else is written in NumPy and `keras.ops`. Each function here has one body per backend, chosen when it is
called: importing this package imports no framework.
"""

from keras_xai.backend.compiling import Compiled, needs_full_batches, trace
from keras_xai.backend.devices import entries, held, is_main_process, num_parts, num_processes, spans_processes
from keras_xai.backend.differentiation import differentiate
from keras_xai.backend.looking_up import looked_up
from keras_xai.backend.pipelines import in_pipeline, pipeline_graph, pipeline_of
from keras_xai.backend.random_states import preserved_random_states, random_states
from keras_xai.backend.reading import is_out_of_memory, to_numpy
from keras_xai.backend.summing import summed
from keras_xai.backend.which import name

__all__ = [
    "Compiled",
    "differentiate",
    "entries",
    "held",
    "in_pipeline",
    "is_main_process",
    "is_out_of_memory",
    "looked_up",
    "name",
    "needs_full_batches",
    "num_parts",
    "num_processes",
    "pipeline_graph",
    "pipeline_of",
    "preserved_random_states",
    "random_states",
    "spans_processes",
    "summed",
    "to_numpy",
    "trace",
]
