/** Monaco's GraphQL worker. What it tells the variables' editor to ask for leaves out fields that the schema has a default for. */
import { initialize } from "monaco-editor/esm/vs/editor/editor.worker.js";
import type { ICreateData } from "monaco-graphql";
import { GraphQLWorker } from "monaco-graphql/esm/GraphQLWorker.js";
import type { worker } from "monaco-graphql/esm/monaco-editor.js";

interface ObjectSchema {
  required?: string[];
  properties?: Record<string, object>;
  definitions?: Record<string, ObjectSchema>;
}

class Worker extends GraphQLWorker {
  /** As JSON Schema: an input object's field that may not be null counts as required there, whether it has a default or not. */
  override async doGetVariablesJSONSchema(uri: string): Promise<unknown> {
    const schema = (await super.doGetVariablesJSONSchema(uri)) as ObjectSchema | null;
    Object.values(schema?.definitions ?? {}).forEach(withDefaultsLeftOut);
    return schema;
  }
}

function withDefaultsLeftOut(input: ObjectSchema): void {
  input.required = (input.required ?? []).filter((name) => !("default" in (input.properties?.[name] ?? {})));
}

globalThis.onmessage = () => {
  initialize((context: worker.IWorkerContext, given: ICreateData) => new Worker(context, given));
};
