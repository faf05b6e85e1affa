/** What Monaco publishes without types. */
declare module "monaco-editor/esm/vs/editor/editor.worker.js" {
  import type { worker } from "monaco-graphql/esm/monaco-editor.js";

  export function initialize<Given>(create: (context: worker.IWorkerContext, given: Given) => object): void;
}
